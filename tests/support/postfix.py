"""Where does a test get a real Postfix? A private instance on loopback that takes any domain into one maildir."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import folders, process
from tests.support.ports import free_port

# The services a mail needs from port to maildir, none chrooted: name type private unpriv chroot wakeup max command.
_SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One instance with its own configuration, queue and maildir; needs root, as Postfix does."""

    def __init__(self, settings: Mapping[str, str] | None = None, *, listeners: Sequence[str] = ()) -> None:
        """`settings` go into main.cf; `listeners` are further lines of master.cf: "127.0.0.2:2525 inet … smtpd -o …"."""
        if os.geteuid() != 0:
            raise RuntimeError("Postfix can only be started by root: run these tests as root or in a container")
        self.port = free_port()
        self.folder = folders.make("pf")
        self.log = self.folder / "postfix.log"
        self.maildir = self.folder / "box" / "all"
        self.folder.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        for name in ("queue", "data", "conf", "box"):
            (self.folder / name).mkdir()
        for name in ("data", "box"):
            os.chown(self.folder / name, owner.pw_uid, owner.pw_gid)
        main = {
            "compatibility_level": "3.6",
            "queue_directory": f"{self.folder}/queue",
            "data_directory": f"{self.folder}/data",
            "multi_instance_name": self.folder.name,
            "myhostname": "postfix.test",
            "mydestination": "",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "maillog_file": "/dev/stdout",
            "virtual_mailbox_domains": "static:all",
            "virtual_mailbox_maps": "static:all/",
            "virtual_mailbox_base": f"{self.folder}/box",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "smtpd_relay_restrictions": "permit_mynetworks,reject",
            "message_size_limit": "60000000",
            "mailbox_size_limit": "0",
            "virtual_mailbox_limit": "0",
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            **(settings or {}),
        }
        conf = self.folder / "conf"
        (conf / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in main.items()))
        (conf / "master.cf").write_text("\n".join((_SERVICES.format(port=self.port).rstrip(), *listeners, "")))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in the foreground as our child and wait for its banner."""
        argv = ["/usr/sbin/postfix", "-c", str(self.folder / "conf"), "start-fg"]
        self._process = process.start(argv, log=self.log, cwd=Path("/"))
        process.wait_until(self._greets, "Postfix", seconds=30, process=self._process, log=self.log)

    def stop(self) -> None:
        """Stop it and delete its queue, mail and configuration."""
        if self._process is not None:
            master = self.folder / "queue" / "pid" / "master.pid"
            if master.exists():
                os.kill(int(master.read_text()), signal.SIGTERM)
            process.stop(self._process)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def mails(self) -> list[bytes]:
        """Return the delivered mails as they lie in the maildir: LF lines, Postfix's own header fields on top."""
        new = self.maildir / "new"
        return [path.read_bytes() for path in sorted(new.iterdir())] if new.exists() else []

    def receives(self, count: int, *, seconds: float = 30) -> list[bytes]:
        """Wait until `count` mails lie in the maildir."""
        process.wait_until(lambda: len(self.mails()) >= count, f"mail {count}", seconds=seconds, log=self.log)
        return self.mails()

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
                return peer.recv(3) == b"220"
        except OSError:
            time.sleep(0.05)
            return False
