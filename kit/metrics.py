"""What does this process count? Prometheus text on loopback, one port a process."""

import errno

from prometheus_client import start_http_server


def serve(first_port: int, *, host: str = "127.0.0.1") -> int:
    """Serve this process's metrics on the first free port from `first_port` on and return it; 0 serves nothing.

    Processes of one machine share a range of 32 ports, so the number says nothing about which process it is.
    """
    if first_port == 0:
        return 0
    for port in range(first_port, first_port + 32):
        try:
            start_http_server(port, addr=host)
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    return 0
