"""How does a test start a foreign program so that nothing outlives the test, whatever happens?"""

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
# The parent whose death a child feels is the thread that forked it: one thread, that lives as long as the test run.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class Running(Protocol):
    """What is asked of a started program: the verbs of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...


def die_with_parent() -> None:
    """In a child before exec: be killed when the test process goes, even by kill -9."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def unprivileged() -> int | None:
    """Return the uid for servers that refuse to be root (PostgreSQL), or None where we are no root ourselves."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def as_user(argv: Sequence[str | Path], uid: int | None) -> list[str]:
    """Return the command line that runs `argv` as `uid` with no other group; `argv` itself where uid is None."""
    if uid is None:
        return [str(part) for part in argv]
    gid = pwd.getpwuid(uid).pw_gid
    # A change of user clears the parent-death signal, so setpriv sets it again, last.
    user = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--pdeathsig=QUIT"]
    return ["setpriv", *user, "--", *map(str, argv)]


def start(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program with its output appended to `log`; it leads its own process group and dies with us."""

    def spawn() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    return _spawner.submit(spawn).result()


def stop(process: Running, *, sig: int = signal.SIGTERM, seconds: float = 20) -> int:
    """End a program by `sig`, after `seconds` with its whole group by SIGKILL; return its exit status."""
    if process.poll() is None:
        process.send_signal(sig)
    return end(process, seconds=seconds)


def end(process: Running, *, seconds: float) -> int:
    """Wait until a program ends, after `seconds` end its whole group by SIGKILL; return its exit status."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait(10)


def wait_until(
    ready: Callable[[], bool],
    what: str,
    *,
    seconds: float = 20,
    process: Running | None = None,
    log: Path | None = None,
) -> None:
    """Poll `ready` until it is true; raise with the end of `log` when time is up or `process` has ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        dead = process is not None and process.poll() is not None
        if dead or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-4000:] if log and log.exists() else ""
            raise RuntimeError(f"{what} {'ended' if dead else f'was not ready in {seconds} s'}\n{tail}")
        time.sleep(0.02)
