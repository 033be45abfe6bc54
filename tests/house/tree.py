"""Which files are the project's own? Those git knows or would add, with their text."""

import functools
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("api", "cli", "kit", "mail", "smtpd", "tenants", "workers")


@functools.cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Return every file with one of these suffixes (all without any), relative to the checkout, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    names = {Path(name.decode()) for name in listed.stdout.split(b"\0") if name}
    return tuple(
        sorted(path for path in names if (not suffixes or path.suffix in suffixes) and (CHECKOUT / path).is_file())
    )


def text(path: Path) -> str:
    """Return a file's text; bytes that are no UTF-8 are shown as replacement characters."""
    return (CHECKOUT / path).read_text(encoding="utf-8", errors="replace")
