"""How does a test play an operator? A data folder with ports of its own, and `livery` typed as a person would."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.process import die_with_parent

CHECKOUT = Path(__file__).resolve().parents[2]


class Machine:
    """One data folder and its ports. `livery` runs a command to its end; `start` runs the platform until `stop`."""

    def __init__(self, data_dir: Path, *, command: Sequence[str] | None = None, uid: int | None = None) -> None:
        self.data_dir = data_dir
        self.command = list(command or [sys.executable, "-P", "-m", "cli"])
        self.uid = uid
        self.http, self.starttls, self.submission, self.tls, self.mx = free_ports(5)
        self.environ: dict[str, str] = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "LIVERY_DATA_DIR": str(data_dir),
            "LIVERY_HTTP_PORT": str(self.http),
            "LIVERY_SMTP_PORTS": f"{self.starttls},{self.submission}",
            "LIVERY_SMTPS_PORTS": str(self.tls),
            "LIVERY_MX_PORT": str(self.mx),
            "LIVERY_METRICS_PORT": "0",
        }
        self.platform: Platform | None = None

    def livery(self, *words: str, feed: str = "", environ: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Type a command; return its exit status and all it printed."""
        done = subprocess.run(
            [*self.command, *words],
            env={**self.environ, **(environ or {})},
            input=feed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            cwd="/",
            user=self.uid,
            preexec_fn=die_with_parent,
        )
        return done.returncode, done.stdout

    def start(self) -> "Platform":
        """Type `livery run --demo` and wait until it says that it is ready."""
        self.platform = Platform(self)
        self.platform.hear(r"^Ready in ")
        return self.platform

    def processes(self) -> dict[int, str]:
        """Every process of this installation, by what it is: postgres, api, smtpd …"""
        found = {}
        marks = {str(self.data_dir).encode(), str((self.data_dir / "postgres").resolve()).encode()}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                environ = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"LIVERY_DATA_DIR=" + str(self.data_dir).encode() in environ and b"cli" in words:
                found[int(entry.name)] = words[words.index(b"cli") + 1].decode()
            elif marks & set(words):
                found[int(entry.name)] = "postgres"
        return found

    def remove(self) -> None:
        """End what is left and delete every file."""
        if self.platform is not None:
            self.platform.stop(signal.SIGKILL)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        cluster = (self.data_dir / "postgres").resolve()
        shutil.rmtree(self.data_dir, ignore_errors=True)
        if cluster.is_relative_to("/var/lib/livery"):
            shutil.rmtree(cluster.parent)


class Platform:
    """A running `livery run --demo` and everything it has said."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._file = machine.data_dir.with_name(machine.data_dir.name + ".said")
        with self._file.open("wb") as said:
            self.process = subprocess.Popen(
                [*machine.command, "run", "--demo"],
                env=machine.environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd="/",
                user=machine.uid,
                preexec_fn=die_with_parent,
            )

    @property
    def said(self) -> str:
        """All it has printed so far."""
        return self._file.read_text(errors="replace")

    def hear(self, pattern: str, *, times: int = 1, seconds: float = 90) -> re.Match[str]:
        """Wait until a line that matches has been printed so many times; return the last one."""
        deadline = time.monotonic() + seconds
        while True:
            found = list(re.finditer(pattern, self.said, re.MULTILINE))
            if len(found) >= times:
                return found[-1]
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} was not said {times} times; it said:\n{self.said[-4000:]}")
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)


def greets(port: int) -> bool:
    """Whether an SMTP server answers there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            return peer.recv(4).startswith(b"220")
    except OSError:
        return False


def eventually(true: object, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
