"""Is a country told where the operator has a database of them, and nothing where not?"""

from pathlib import Path

import pytest

from kit.countries import Countries
from kit.settings import SettingsError
from tests.support.geography import write


def test_an_address_is_in_the_country_that_the_file_says(tmp_path: Path) -> None:
    countries = Countries(write(tmp_path / "one.mmdb", "203.0.113.0/24", "IT"))
    found = [countries.of(ip) for ip in ("203.0.113.77", "203.0.114.1", "192.0.2.1", "2001:db8::1", "", "unix")]
    assert found == ["IT", None, None, None, None, None]
    countries.close()


def test_without_a_file_nobody_knows() -> None:
    countries = Countries(None)
    assert countries.of("203.0.113.77") is None
    countries.close()


def test_what_is_no_such_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.mmdb").write_text("no database")
    for path in (tmp_path / "none.mmdb", tmp_path / "text.mmdb", tmp_path):
        with pytest.raises(SettingsError) as refused:
            Countries(path)
        assert (
            str(refused.value)
            == f"LIVERY_GEOIP is {path}: it takes a database of countries in MaxMind's format (.mmdb)."
        )
