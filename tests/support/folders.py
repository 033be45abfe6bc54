"""Where do test servers keep their files? In folders named after the run, so that what a killed run left is removed."""

import os
import shutil
import tempfile
from pathlib import Path


def make(kind: str) -> Path:
    """Make an empty folder for one server of this run; the path is short, for a socket's may have 107 bytes."""
    return Path(tempfile.mkdtemp(prefix=f"lv{kind}-{os.getpid()}-"))


def sweep() -> None:
    """Remove the folders of runs that are gone; those were killed, for others remove their own."""
    for folder in Path(tempfile.gettempdir()).glob("lv[a-z][a-z]-[0-9]*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
