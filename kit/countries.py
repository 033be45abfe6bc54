"""Which country is an address in? Asked of a database in MaxMind's format, where the operator has one."""

from pathlib import Path

import maxminddb

from kit.settings import SettingsError


class Countries:
    """Answers from one file; without a file, never."""

    def __init__(self, path: Path | None) -> None:
        """Open the file. Raises SettingsError where it is no such database."""
        self._reader: maxminddb.Reader | None = None
        if path is not None:
            try:
                self._reader = maxminddb.open_database(path, maxminddb.MODE_MMAP)
            except (OSError, ValueError, maxminddb.InvalidDatabaseError):  # no file, an empty one, another format
                raise SettingsError(
                    f"LIVERY_GEOIP is {path}: it takes a database of countries in MaxMind's format (.mmdb)."
                ) from None

    def of(self, ip: str) -> str | None:
        """The country's two letters (ISO 3166-1), in upper case; None where nobody knows."""
        if self._reader is None:
            return None
        try:
            found = self._reader.get(ip)
        except (ValueError, maxminddb.InvalidDatabaseError):  # no address, or a damaged file
            return None
        country = found.get("country") if isinstance(found, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else None
        return code if isinstance(code, str) and len(code) == 2 else None

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()
