"""Where does something wait that must not be lost while the database is away? In a file of this process, told at least once.

Each line is in the file, and so survives the process, before `append` returns; `sync` brings it to the disk. A reader
takes lines from the front and settles them when they are recorded elsewhere; what was read and not settled is read again,
so every line needs an id by which it is recorded once. A process that died leaves its file; `orphans` finds it.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.ids import new_id

_SUFFIX = ".spool"
_CHUNK = 256 * 1024
# Settled bytes at the front are given up when there are so many, and so few behind them that copying costs nothing.
_WASTE, _REST = 4 * 1024 * 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Portion:
    """Lines from the front of a spool."""

    lines: tuple[bytes, ...]
    size: int
    """Bytes they take, line ends included: what to settle."""


class Spool:
    """One file, held by this process alone. Not for threads, but for `sync`."""

    def __init__(self, path: Path, file: int, *, most: int) -> None:
        self._path = path
        self._file = file
        self._most = most
        self._start = 0
        self._end = os.fstat(file).st_size
        self._synced = 0
        self._moved = 0

    @property
    def waits(self) -> bool:
        """Whether there is anything to read."""
        return self._start < self._end

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._end - self._start

    @property
    def unsynced(self) -> bool:
        """Whether anything waits for `sync`."""
        return self._synced < self._end

    def append(self, line: bytes) -> bool:
        """Add a line, which holds no line end; False where there is no room for it. Never raises."""
        data = line + b"\n"
        if self._end + len(data) > self._most:
            return False
        try:
            written = os.pwrite(self._file, data, self._end)
        except OSError:
            return False
        if written < len(data):  # the disk is full: half a line is none
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            return False
        self._end += written
        return True

    def sync(self) -> None:
        """Bring what was appended before to the disk; blocks, so call it in a thread."""
        end, moved = self._end, self._moved
        os.fsync(self._file)
        if moved == self._moved:
            self._synced = end

    def read(self, most: int) -> Portion:
        """Up to `most` lines from the front; they stay there until settled. What is no whole line is passed over."""
        data = os.pread(self._file, min(_CHUNK, self._end - self._start), self._start)
        lines = data.split(b"\n", most)[:-1]
        if not lines and data:  # longer than any line of ours, or the end of one that a power cut left
            return Portion((), len(data))
        return Portion(tuple(lines), sum(map(len, lines)) + len(lines))

    def settle(self, size: int) -> None:
        """The first `size` bytes are recorded elsewhere."""
        self._start += size
        rest = self._end - self._start
        if rest <= 0 or (self._start >= _WASTE and rest <= _REST):
            # Dying in between leaves settled lines, or pieces of some, to be read again: either does no harm.
            if rest > 0:
                os.pwrite(self._file, os.pread(self._file, rest, self._start), 0)
            os.ftruncate(self._file, rest)
            self._start, self._end, self._synced = 0, rest, 0
            self._moved += 1

    def close(self) -> None:
        """Let go; the file goes too where nothing waits in it."""
        if not self.waits:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def make(folder: Path, *, most: int) -> Spool:
    """A new spool of at most `most` bytes in `folder`, which is made where it is missing. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    hidden = folder / str(new_id())
    file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    # Held before it has the name by which others look for it.
    fcntl.flock(file, fcntl.LOCK_EX)
    path = hidden.with_suffix(_SUFFIX)
    hidden.rename(path)
    folder_file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(folder_file)
    finally:
        os.close(folder_file)
    return Spool(path, file, most=most)


def orphans(folder: Path) -> Iterator[Spool]:
    """The spools in `folder` whose processes are gone, now held by this one; close each."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            continue
        yield Spool(path, file, most=0)
