"""How does Haraka run as a peer? A private instance with its DKIM plugin, a worker process a core."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench.load import greets
from bench.peers import FOLDER, filled
from bench.peers.keys import private_key
from tests.support import process
from tests.support.ports import free_port

PACKAGES = FOLDER / "haraka" / "node_modules"


class Haraka:
    """Haraka as `haraka -i` sets it up, everything relayed to the sink, signed by haraka-plugin-dkim."""

    def __init__(self, sink_port: int) -> None:
        self.name = "Haraka + DKIM"
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="lvbench-haraka-"))
        config = self._folder / "config"
        for own in ("config", "plugins"):
            shutil.copytree(FOLDER / "haraka" / own, self._folder / own)
        for shipped in ("connection.ini", "log.ini"):  # what `haraka -i` copies
            shutil.copy(PACKAGES / "Haraka" / "config" / shipped, config)
        (config / "smtp.ini").write_text(
            filled("haraka/config/smtp.ini", {"PORT": self.port, "NODES": os.cpu_count() or 1})
        )
        (config / "sink").write_text(f"{sink_port}\n")
        keys = config / "dkim" / "shop.test"
        keys.mkdir(parents=True)
        (keys / "private").write_text(private_key())
        (keys / "selector").write_text("bench\n")
        (self._folder / "node_modules").symlink_to(PACKAGES)
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in the foreground as our child."""
        log = self._folder / "log"
        argv: list[str | Path] = ["node", PACKAGES / "Haraka" / "bin" / "haraka", "-c", self._folder]
        self._running = process.start(argv, log=log, cwd=self._folder)
        process.wait_until(
            lambda: (
                log.read_text(errors="replace").count("listening on") >= (os.cpu_count() or 1) and greets(self.port)
            ),
            "Haraka",
            process=self._running,
            log=log,
        )

    def roots(self) -> list[int]:
        """The master of its workers."""
        return [self._running.pid] if self._running else []

    def settle(self, messages: int) -> None:
        """Nothing: what has left the queue is done."""

    def remove(self) -> None:
        """Stop it and delete queue and configuration."""
        if self._running is not None:
            process.stop(self._running)
        shutil.rmtree(self._folder, ignore_errors=True)
