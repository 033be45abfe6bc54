"""Does a DKIM signature hold? Asked of two strangers, dkimpy and OpenDKIM, with the keys given instead of DNS."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import dkim


def dkimpy_verifies(content: bytes, keys: Mapping[str, str]) -> bool:
    """Does dkimpy accept the first signature? `keys` maps `selector._domainkey.domain` to the TXT value."""

    def lookup(name: bytes, timeout: int = 5) -> bytes | None:
        return keys.get(name.decode().rstrip("."), "").encode() or None

    verified: bool = dkim.verify(content, dnsfunc=lookup)
    return verified


def opendkim_verdict(content: bytes, keys: Mapping[str, str]) -> str:
    """Return what OpenDKIM writes into Authentication-Results: "pass", "fail", "none" …"""
    with tempfile.TemporaryDirectory(prefix="lvod-") as name:
        folder = Path(name)
        (folder / "keys").write_text("".join(f"{key} {value}\n" for key, value in keys.items()))
        (folder / "mail").write_bytes(content)
        (folder / "conf").write_text(
            f"Mode v\nTestPublicKeys {folder}/keys\nSyslog no\nSocket inet:0@127.0.0.1\nRequireSafeKeys no\n"
            "On-Default accept\nOn-BadSignature accept\nOn-NoSignature accept\n"
        )
        argv = ["/usr/sbin/opendkim", "-x", str(folder / "conf"), "-vvv", "-t", str(folder / "mail")]
        said = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=60, check=True)
    found = re.search(r"\bdkim=(\w+)", said.stdout)
    return found[1] if found else "none"
