"""How is a secret file made, so that it is complete, private and made only once?"""

import contextlib
import os
from pathlib import Path


def write_once(file: Path, text: str) -> None:
    """Write a secret that only this user may read; if two processes try, the first one's stays and is complete."""
    half = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(half, file)
    finally:
        half.unlink()
