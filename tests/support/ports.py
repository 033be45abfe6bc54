"""Which port is free? A free loopback port that no other test process of this machine will be handed."""

import os
import socket

# Below Linux's ephemeral range (32768+), so that no outgoing connection takes a port between the look and its use.
_FIRST, _LAST = 12000, 32000
_BLOCK = 200
# What is looked at and found free may be another process's by the time it is bound, or while its server restarts.
# So a process owns whole blocks: it holds the first port of each bound as long as it lives, and nobody else enters.
_guards: list[socket.socket] = []
_left: list[int] = []


def free_port() -> int:
    """Return a TCP port free on 127.0.0.1 and 0.0.0.0; no two calls on this machine return the same while we live."""
    while True:
        while not _left:
            _own_a_block()
        port = _left.pop()
        if guard := _bound(port):
            guard.close()
            return port


def free_ports(count: int) -> tuple[int, ...]:
    """Return `count` different free ports."""
    return tuple(free_port() for _ in range(count))


def _own_a_block() -> None:
    """Take the next block nobody owns; every process begins its search at a place of its own."""
    blocks = range(_FIRST, _LAST, _BLOCK)
    start = os.getpid() % len(blocks)
    for first in (*blocks[start:], *blocks[:start]):
        if guard := _bound(first):
            _guards.append(guard)
            _left.extend(reversed(range(first + 1, first + _BLOCK)))
            return
    raise RuntimeError(f"no free block of ports between {_FIRST} and {_LAST}: is another test run leaking servers?")


def _bound(port: int) -> socket.socket | None:
    """Return a socket bound to the port, that nobody else can bind as long as it is open; None where it is taken."""
    probe = socket.socket()
    try:
        probe.bind(("0.0.0.0", port))
    except OSError:
        probe.close()
        return None
    return probe
