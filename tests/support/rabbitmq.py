"""Where does a test get a real RabbitMQ? A private node with its own port mapper, in a tmp folder."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.support import folders, process
from tests.support.ports import free_ports

_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class RabbitMQ:
    """One node that listens on loopback only; `url` is what LIVERY_BROKER_URL wants."""

    def __init__(self) -> None:
        self.port, self._dist, self._epmd_port = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        # Not under a folder of root's: Debian's start script drops to this user and must be able to write.
        self.user = "rabbitmq" if os.geteuid() == 0 else None
        self.folder = folders.make("mq")
        self.log = self.folder / "rabbitmq.log"
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "plugins").write_text("[].\n")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.console = true\nlog.file = false\n"
            "vm_memory_high_watermark.absolute = 512MiB\ndisk_free_limit.absolute = 50MB\n"
        )
        if self.user:
            found = pwd.getpwnam(self.user)
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, found.pw_uid, found.pw_gid)

    @property
    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def start(self) -> None:
        """Start the node (again, with what it had) and wait until it takes connections: about five seconds."""
        if self._epmd is None:
            # In the foreground as our own child: Erlang would otherwise leave one behind for ever.
            epmd = process.as_user(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"], self._uid)
            self._epmd = process.start(epmd, log=self.log)
            process.wait_until(lambda: _listens(self._epmd_port), "epmd", process=self._epmd, log=self.log)
        argv = process.as_user([_SERVER], self._uid)
        self._process = process.start(argv, log=self.log, env=self._environment, cwd=self.folder)
        process.wait_until(self._greets, "RabbitMQ", seconds=60, process=self._process, log=self.log)

    def stop(self, *, sig: int = signal.SIGTERM) -> None:
        """Stop the node: SIGTERM in order, SIGKILL as a crash. What is durable stays for the next start."""
        if self._process is None:
            return
        if sig == signal.SIGKILL:
            os.killpg(self._process.pid, sig)  # the script and the virtual machine it started
        process.stop(self._process, sig=sig, seconds=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process = None

    def remove(self) -> None:
        """Stop node and port mapper and delete all they had."""
        self.stop()
        if self._epmd is not None:
            process.stop(self._epmd)
            self._epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _uid(self) -> int | None:
        return pwd.getpwnam(self.user).pw_uid if self.user else None

    def _greets(self) -> bool:
        # A node that listens but refuses is not ready: the AMQP handshake's first frame says it is.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
            peer.sendall(b"AMQP\x00\x00\x09\x01")
            return peer.recv(1) == b"\x01"
        return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False
