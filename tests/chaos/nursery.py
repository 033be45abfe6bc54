"""How does a killed process come back for a tenth of the effort? It is forked by one that has imported everything already.

Nearly all that a process of the platform costs to start is imports. A nursery is one process of one thread that has made
them and done nothing else: it read no settings, opened no connection and has no event loop. Asked over a Unix socket it
forks. The child leads a session of its own, has its own environment and log and dies with the nursery; from there on it
runs a module as `python -m` does. It is a process like any other, with a pid to kill: the nursery only reaps it and says
how it ended.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import tell
from tests.support import folders, process
from tests.support.platform import CHECKOUT

# What `livery api`, `smtpd`, `workers` and `clock` import, some of it only as they are served.
_IMPORTS = (
    *("cli.processes", "api.app", "smtpd", "workers.boot", "workers.clock"),
    *("kit.jobs.postgres", "kit.jobs.rabbitmq", "mail.models", "tortoise.backends.asyncpg"),
    *("uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.websockets_sansio_impl"),
)


@dataclass(frozen=True)
class _Birth:
    """What a child is to be."""

    argv: list[str]
    """A module and its arguments, as after `python -m`."""
    log: str
    environment: dict[str, str]


class Child:
    """A process that the nursery forked, with the verbs of `subprocess.Popen` that tests use."""

    def __init__(self, argv: Sequence[str], peer: socket.socket) -> None:
        self._argv = argv
        self._peer = peer
        self._status: int | None = None
        self._turn = threading.Lock()
        self.pid = int(_line(peer))
        peer.setblocking(False)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        with self._turn, contextlib.suppress(BlockingIOError):
            if self._status is None:
                # Nothing said at all: the nursery is gone, and took its children with it.
                self._status = int(_line(self._peer) or -signal.SIGKILL)
                self._peer.close()
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return `poll`; raises subprocess.TimeoutExpired after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(self._argv, timeout)
            time.sleep(0.01)
        return status

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)


class Nursery:
    """One nursery process; its children are killed with it."""

    def __init__(self) -> None:
        self._folder = folders.make("nu")
        self._address = str(self._folder / "socket")
        log = self._folder / "log"
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        argv = [sys.executable, "-m", "tests.chaos.nursery", self._address]
        self._process = process.start(argv, log=log, env=environment, cwd=CHECKOUT)
        process.wait_until(Path(self._address).exists, "nursery", process=self._process, log=log)

    def bear(self, argv: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Child:
        """Start a module with arguments, its output appended to `log`, with this environment and no other."""
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(self._address)
        peer.sendall(json.dumps([list(argv), str(log), dict(environment)]).encode() + b"\n")
        return Child(argv, peer)

    def remove(self) -> None:
        """End it, and whatever of its children runs."""
        process.stop(self._process, sig=signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)


def main(address: str) -> None:
    """Be a nursery; every child returns from `_tend` and goes its own way."""
    for name in _IMPORTS:
        importlib.import_module(name)
    # What is here stays: no child's collector need look through it and copy it by that.
    gc.collect()
    gc.freeze()
    nursery = os.getpid()
    birth = _tend(address)
    process.die_with_parent()
    if os.getppid() != nursery:
        os._exit(1)
    os.setsid()
    for descriptor, file, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, birth.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, birth.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(file, flags, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(birth.environment)
    sys.argv[1:] = birth.argv[1:]
    tell.listen()
    runpy.run_module(birth.argv[0], run_name="__main__", alter_sys=True)


def _tend(address: str) -> _Birth:
    """Fork whenever somebody asks, and tell them when a child ends. Never returns in the nursery itself."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen()
    os.rename(f"{address}.new", address)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    children: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for key, _ in selector.select():
            if key.fd not in children:
                peer, _address = listener.accept()
                birth = _Birth(*json.loads(_line(peer)))
                # Another thread would not be there after the fork, and what it held locked would stay so.
                assert len(os.listdir("/proc/self/task")) == 1, "a module starts a thread when it is imported"
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    for ending, (_, other) in children.items():
                        os.close(ending)
                        other.close()
                    peer.close()
                    listener.close()
                    return birth
                end = os.pidfd_open(pid)
                children[end] = pid, peer
                selector.register(end, selectors.EVENT_READ)
                peer.sendall(b"%d\n" % pid)
            else:
                pid, peer = children.pop(key.fd)
                _pid, status = os.waitpid(pid, 0)
                selector.unregister(key.fd)
                os.close(key.fd)
                with contextlib.suppress(OSError):
                    peer.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
                peer.close()


def _line(peer: socket.socket) -> bytes:
    """One line, without its end; empty where the other side is gone."""
    line = b""
    while not line.endswith(b"\n"):
        if not (more := peer.recv(65_536)):
            return b""
        line += more
    return line[:-1]


if __name__ == "__main__":
    main(sys.argv[1])
