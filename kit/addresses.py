"""Which addresses are this machine's own? Asked of the kernel, by binding to one."""

import socket


def here(ip: str) -> bool:
    """Whether a connection could leave this machine from `ip`; it may have been taken away a moment later."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True
