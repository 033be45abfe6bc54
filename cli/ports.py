"""Are the ports free, and if not, who has them?"""

import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from kit.errors import Kind, LiveryError
from kit.settings import Settings


def wanted(settings: Settings) -> dict[int, str]:
    """Every port that the platform will listen on, with the setting that moves it."""
    ports = {settings.http_port: "LIVERY_HTTP_PORT", settings.mx_port: "LIVERY_MX_PORT"}
    ports |= dict.fromkeys(settings.smtp_ports, "LIVERY_SMTP_PORTS")
    return ports | dict.fromkeys(settings.smtps_ports, "LIVERY_SMTPS_PORTS")


def check(settings: Settings) -> None:
    """Return if every port can be had; else raise LiveryError with one line that names the port and its holder."""
    for port, variable in wanted(settings).items():
        problem = trouble(settings.bind, port)
        if problem:
            raise LiveryError(
                Kind.CONFLICT, "PORT_TAKEN", problem, next=f"Stop that, or set {variable} to another port."
            )


def trouble(bind: str, port: int) -> str | None:
    """Why this port cannot be listened on, in one sentence; None if it can."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that is fading away holds nothing
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                return f"Port {port} is taken by {holder(port) or 'another program'}."
            if fault.errno == errno.EACCES:
                return f"Port {port} may not be used by this user: ports below 1024 belong to root."
            return f"Port {port} on {bind} cannot be used ({(fault.strerror or str(fault)).lower()})."
    return None


def holder(port: int) -> str | None:
    """The process that listens on this port, "process 4242 (nginx)", as far as this user may know."""
    for process, command in _holders(port):
        return f"process {process} ({' '.join(command)[:60]})"
    return None


def is_ours(port: int) -> bool:
    """Whether a process of this very checkout listens on this port."""
    return any(command[:1] == [sys.executable] and "cli" in command for _, command in _holders(port))


def _holders(port: int) -> Iterator[tuple[str, list[str]]]:
    inodes = set(_listening(port))
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                        yield process.name, [word.decode(errors="replace") for word in words]
                        break


def _listening(port: int) -> Iterator[str]:
    """The sockets that listen on this port, as they appear among a process's descriptors (proc_net_tcp)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"
