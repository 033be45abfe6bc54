"""Where does something wait that must not be lost while the database is away? In files of this process, told at least once.

Each line is in a file, and so survives the process, before `append` returns; `sync` brings it to the disk. A reader takes
lines from the front and settles them when they are recorded elsewhere; what was read and not settled is read again, so
every line needs an id by which it is recorded once. A process that died leaves its files; `orphans` finds them.

Lines are never moved: a file whose lines are all settled goes, and the next one is begun in time. Whatever was brought to
the disk is there until it is settled, wherever the power is cut.
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
# So long does a file get, or, where its reader keeps up, this much of it is settled when the next one is begun.
_LONG, _WASTE = 4 * 1024 * 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Portion:
    """Lines from the front of a spool."""

    lines: tuple[bytes, ...]
    size: int
    """Bytes they take, line ends included: what to settle."""


@dataclass(slots=True)
class _Part:
    """One file, locked."""

    path: Path
    file: int
    end: int = 0
    emptied: int = 0
    """How often its bytes have begun anew."""
    synced: tuple[int, int] = (0, 0)
    """Up to where it is on the disk: `place` as it was. Set by another thread."""

    @property
    def place(self) -> tuple[int, int]:
        """Where it ends now, and in which of its lives."""
        return self.emptied, self.end


class Spool:
    """The files of this process, of which the last one grows. Not for threads, but for `sync`."""

    def __init__(self, first: _Part, *, most: int) -> None:
        self._parts: tuple[_Part, ...] = (first,)  # replaced, never changed, so that `sync` can look at it meanwhile
        self._most = most
        self._start = 0
        self._size = first.end
        self._named = True

    @property
    def waits(self) -> bool:
        """Whether there is anything to read."""
        return self._size > 0

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self._size

    @property
    def unsynced(self) -> bool:
        """Whether anything waits for `sync`."""
        return any(part.synced < part.place for part in self._parts if part.end)

    def append(self, line: bytes) -> bool:
        """Add a line, which holds no line end; False where there is no room for it. Never raises."""
        data = line + b"\n"
        if self._size + len(data) > self._most:
            return False
        last = self._parts[-1]
        if last.end >= _LONG or (len(self._parts) == 1 and self._start >= _WASTE):
            last = self._begin() or last
        try:
            written = os.pwrite(last.file, data, last.end)
        except OSError:
            return False
        if written < len(data):  # the disk is full: half a line is none
            with contextlib.suppress(OSError):
                os.ftruncate(last.file, last.end)
            return False
        last.end += written
        self._size += written
        return True

    def sync(self) -> None:
        """Bring what was appended before to the disk; blocks, so call it in a thread. Raises OSError."""
        parts = self._parts
        if not self._named:
            self._named = True
            _sync_folder(parts[-1].path.parent)
        for part in parts:
            place = part.place
            if part.synced >= place:
                continue
            try:
                os.fsync(part.file)
            except OSError:
                if part in self._parts:
                    raise
            part.synced = place

    def read(self, most: int) -> Portion:
        """Up to `most` lines from the front; they stay there until settled. What is no whole line is passed over."""
        first = self._parts[0]
        there = first.end - self._start
        data = os.pread(first.file, min(_CHUNK, there), self._start)
        lines = data.split(b"\n", most)[:-1]
        if not lines:  # longer than any line of ours, the end of one that a power cut left, or a file that somebody cut
            return Portion((), len(data) or there)
        return Portion(tuple(lines), sum(map(len, lines)) + len(lines))

    def settle(self, size: int) -> None:
        """The first `size` bytes, as read, are recorded elsewhere."""
        self._start += size
        self._size -= size
        first = self._parts[0]
        if self._start < first.end:
            return
        self._start = 0
        if len(self._parts) > 1:
            self._parts = self._parts[1:]
            _give_up(first)
        else:
            # Where that fails, these lines are there until others take their place, and are told again at worst.
            with contextlib.suppress(OSError):
                os.ftruncate(first.file, 0)
            first.emptied, first.end = first.emptied + 1, 0

    def close(self) -> None:
        """Let go; where nothing waits no file stays."""
        for part in self._parts:
            if self.waits:
                os.close(part.file)
            else:
                _give_up(part)

    def _begin(self) -> _Part | None:
        """One more file; None where there is no room for it, or this process has too many open."""
        try:
            part = _make(self._parts[-1].path.parent)
        except OSError:
            return None
        self._parts = (*self._parts, part)
        self._named = False
        return part


def make(folder: Path, *, most: int) -> Spool:
    """A new spool of at most `most` bytes in `folder`, which is made where it is missing. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    first = _make(folder)
    _sync_folder(folder)
    return Spool(first, most=most)


def orphans(folder: Path) -> Iterator[Spool]:
    """The files in `folder` whose processes are gone, each a spool now held by this one; close each."""
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
        yield Spool(_Part(path, file, os.fstat(file).st_size), most=0)


def _make(folder: Path) -> _Part:
    hidden = folder / str(new_id())
    file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    part = _Part(hidden.with_suffix(_SUFFIX), file)
    try:
        # Held before it has the name by which others look for it.
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(part.path)
    except OSError:
        _give_up(_Part(hidden, file))
        raise
    return part


def _give_up(part: _Part) -> None:
    part.path.unlink(missing_ok=True)
    os.close(part.file)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
