"""How is load made and counted? smtp-source sends, a new connection a message, and smtp-sink counts what arrives.

Both come with Postfix and are the same for every system, so their own cost is too.
"""

import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import process

SESSIONS = 20
SENDER = "user@shop.test"
RECIPIENT = "someone@example.test"
_GLANCE = 0.01  # seconds between two looks at the sink's counter
_TAIL = re.compile(rb"mesg=(\d+)\r")


class TooSlow(Exception):
    """A run did not end within its bound."""


@dataclass(frozen=True)
class Timing:
    """One run, in seconds from the first connection."""

    accepted: float
    """Until smtp-source had every 250."""
    arrived: float
    """Until the sink had the last message."""


class Sink:
    """A running smtp-sink and its count of messages."""

    def __init__(self, port: int, *, options: Sequence[str] = ()) -> None:
        argv = process.as_user(["smtp-sink", "-c", *options, f"127.0.0.1:{port}", "256"], process.unprivileged())
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        self.count = 0
        self.counted_at = time.perf_counter()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, count: int, *, seconds: float) -> float:
        """Return the moment (perf_counter) at which the count was reached; raise TooSlow after `seconds`."""
        deadline = time.perf_counter() + seconds
        while self.count < count:
            if time.perf_counter() > deadline:
                raise TooSlow(f"{self.count} of {count} messages at the sink after {seconds:.0f} s")
            time.sleep(_GLANCE)
        return self.counted_at

    def stop(self) -> None:
        """End it."""
        process.stop(self.process)
        self._reader.join(5)

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - asked for above
        rest = b""
        while heard := self.process.stdout.read(65536):
            rest = (rest + heard)[-400:]
            found = _TAIL.findall(rest)
            if found and int(found[-1]) > self.count:
                self.counted_at, self.count = time.perf_counter(), int(found[-1])
            time.sleep(_GLANCE)


@contextmanager
def sink(port: int, *, options: Sequence[str] = ()) -> Iterator[Sink]:
    """A sink on this port for the duration of the block."""
    running = Sink(port, options=options)
    try:
        process.wait_until(lambda: greets(port), "smtp-sink")
        yield running
    finally:
        running.stop()


def send(port: int, messages: int, size: int, *, seconds: float) -> None:
    """Send to `port` and return with the last 250; raise TooSlow after `seconds`, RuntimeError at a refusal."""
    argv = ["smtp-source", "-s", str(SESSIONS), "-m", str(messages), "-l", str(size), "-f", SENDER, "-t", RECIPIENT]
    try:
        done = subprocess.run([*argv, f"127.0.0.1:{port}"], capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TooSlow(f"smtp-source had not finished {messages} messages after {seconds:.0f} s") from None
    if done.returncode:
        raise RuntimeError(f"smtp-source: {done.stderr.strip()[-300:]}")


def run(port: int, sink: Sink, messages: int, size: int, *, seconds: float) -> Timing:
    """Send `messages` of `size` bytes through the system at `port` and wait until the sink has them."""
    before, started = sink.count, time.perf_counter()
    send(port, messages, size, seconds=seconds)
    accepted = time.perf_counter() - started
    arrived = sink.wait(before + messages, seconds=seconds) - started
    return Timing(accepted, max(arrived, accepted))


def captured(port: int, sink_port: int, *, settle: Callable[[], None]) -> bytes:
    """Send one message through the system at `port` and return it as it reaches `sink_port`, which must be free.

    `settle` waits until the system has heard the sink's reply.
    """
    with tempfile.TemporaryDirectory(prefix="lvbench-") as name:
        folder, user = Path(name), process.unprivileged()
        if user is not None:
            os.chown(folder, user, -1)
        with sink(sink_port, options=("-D", str(folder / "message"))) as catcher:
            run(port, catcher, 1, 4096, seconds=30)
            settle()
        return (folder / "message").read_bytes()


def greets(port: int) -> bool:
    """Does something on this port speak SMTP?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            return peer.recv(3) == b"220"
    except OSError:
        return False
