"""How does Postfix run as a peer? A private relay with its own queue, alone or with OpenDKIM as its milter."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from bench.load import greets
from bench.peers import filled
from bench.peers.keys import private_key
from tests.support import process
from tests.support.ports import free_ports


class Postfix:
    """Postfix as Debian ships it, everything relayed to the sink; with `opendkim` each message is signed on its way in."""

    def __init__(self, sink_port: int, *, opendkim: bool = False) -> None:
        self.name = "Postfix + OpenDKIM" if opendkim else "Postfix"
        self.port, self._milter_port = free_ports(2)
        self._opendkim = opendkim
        self._folder = Path(tempfile.mkdtemp(prefix="lvbench-postfix-"))
        self._folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        for name in ("queue", "data", "conf"):
            (self._folder / name).mkdir()
        os.chown(self._folder / "data", owner.pw_uid, owner.pw_gid)
        values = {
            "FOLDER": self._folder,
            "NAME": self._folder.name,
            "PORT": self.port,
            "SINK": sink_port,
            "MILTER": self._milter_port,
            "USER": "opendkim",
        }
        conf = self._folder / "conf"
        milter = filled("postfix/milter.cf", values) if opendkim else ""
        (conf / "main.cf").write_text(filled("postfix/main.cf", values) + milter)
        (conf / "master.cf").write_text(filled("postfix/master.cf", values))
        if opendkim:
            key = self._folder / "bench.private"
            key.write_text(private_key())
            key.chmod(0o600)
            os.chown(key, pwd.getpwnam("opendkim").pw_uid, 0)
            (conf / "opendkim.conf").write_text(filled("opendkim/opendkim.conf", values))
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start OpenDKIM if asked for, then Postfix, both in the foreground as our children."""
        conf, log = self._folder / "conf", self._folder / "log"
        if self._opendkim:
            self._running.append(process.start(["opendkim", "-f", "-x", conf / "opendkim.conf"], log=log))
            process.wait_until(lambda: _listens(self._milter_port), "OpenDKIM", process=self._running[-1], log=log)
        self._running.append(process.start(["postfix", "-c", conf, "start-fg"], log=log, cwd=Path("/")))
        process.wait_until(lambda: greets(self.port), "Postfix", process=self._running[-1], log=log)

    def roots(self) -> list[int]:
        """The milter and the master."""
        return [running.pid for running in self._running]

    def settle(self, messages: int) -> None:
        """Nothing: what has left the queue is done."""

    def remove(self) -> None:
        """Stop both and delete queue and configuration."""
        master = self._folder / "queue" / "pid" / "master.pid"
        if self._running and master.exists():
            os.kill(int(master.read_text()), signal.SIGTERM)
        while self._running:
            process.stop(self._running.pop())
        shutil.rmtree(self._folder, ignore_errors=True)


def _listens(port: int) -> bool:
    # Asked of the kernel: a milter counts a connection without a word as an error.
    wanted = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A" for line in lines)
