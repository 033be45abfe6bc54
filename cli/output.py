"""What does `livery run` show, and what goes to files? Few lines on the terminal, every line in the data folder.

A process's informational lines go to <data>/log/<process>.log only; its warnings, errors and tracebacks are shown too.
"""

import contextlib
import re
from pathlib import Path

# One file a process and its predecessor: enough to look back, and never a full disk.
_LARGEST = 10_000_000

_QUIET = re.compile(r"\blevel=(debug|info)\b")
# For the eye: who and when is known, and of a traceback only its last line helps. The file has it all.
_KNOWN = re.compile(r"^timestamp=\S+ |\bprocess=\S+ ")
_TRACEBACK = re.compile(r'(exception=")(?:[^"\\]|\\.)*\\n((?:[^"\\]|\\.)*")')
_WIDEST = 400


class Output:
    """The terminal and the log folder of one `livery run`."""

    def __init__(self, folder: Path, *, verbose: bool) -> None:
        self._folder = folder
        self._verbose = verbose
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def say(self, line: str) -> None:
        """Tell the operator."""
        # The terminal may be gone (a closed ssh session): that must not end the platform before SIGHUP does.
        with contextlib.suppress(OSError, ValueError):
            print(line, flush=True)

    def heard(self, name: str, line: str) -> None:
        """A process said `line`."""
        if not line:
            return
        self._write(name, line)
        if self._verbose or not _QUIET.search(line):
            self.say(f"{name:9}| {shortened(line)}")

    def _write(self, name: str, line: str) -> None:
        file = self._folder / f"{name.replace(' ', '-')}.log"
        # A full disk is told by `doctor` and by the processes themselves; the supervisor goes on.
        with contextlib.suppress(OSError):
            with file.open("a") as stream:
                stream.write(line + "\n")
                size = stream.tell()
            if size > _LARGEST:
                file.replace(file.with_suffix(".log.1"))


def shortened(line: str) -> str:
    """A log line as the terminal shows it."""
    line = _TRACEBACK.sub(r"\1\2", _KNOWN.sub("", line))
    return line if len(line) <= _WIDEST else line[:_WIDEST] + "…"
