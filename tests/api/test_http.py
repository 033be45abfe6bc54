"""Does whoever sends a head without end get an answer and no memory, and everybody else what they asked for?"""

import asyncio
import json
import socket
import struct

import pytest
from structlog.testing import capture_logs

from api.http import LONGEST
from tests.api.conftest import World

MANY = 8 * 1024 * 1024


async def converse(world: World, head: bytes, piece: bytes, most: int = MANY) -> tuple[int, bytes]:
    """How much of `most` bytes the server took, and what it answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    taken = 0
    try:
        writer.write(head)
        while taken < most and not reader.at_eof() and not writer.is_closing():
            writer.write(piece)
            taken += len(piece)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        answer = await asyncio.wait_for(reader.read(), 30)
    except ConnectionError:
        answer = b""
    writer.close()
    return taken, answer


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"GET /t/", b"a" * 16_384),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx-one: ", b"a" * 16_384),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\n", b"x-many: " + b"a" * 1_000 + b"\r\n"),
    ],
)
async def test_a_head_without_end_is_cut(world: World, head: bytes, piece: bytes) -> None:
    taken, answer = await converse(world, head, piece)
    assert taken < MANY, "the server has let go"
    assert not answer or answer.startswith(b"HTTP/1.1 431 "), answer[:100]


async def test_whoever_waits_for_the_answer_gets_it(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(b"GET /t/")
    answer = asyncio.create_task(reader.read())
    for _ in range(100):
        if answer.done():
            break
        writer.write(b"a" * 8_192)
        await writer.drain()
        await asyncio.wait({answer}, timeout=0.05)
    head, _, said = (await asyncio.wait_for(answer, 30)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert f"content-length: {len(said)}".encode() in head
    writer.close()


async def test_long_heads_and_bodies_are_taken_one_after_the_other(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    field = b"x-long: " + b"a" * 8_000 + b"\r\n"
    look = b"GET /health/live?" + b"q" * 4_000 + b" HTTP/1.1\r\nhost: localhost\r\n" + field * 5 + b"\r\n"
    body = b"x" * (LONGEST * 5)
    post = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
    for _ in range(3):
        writer.write(look + post + body + look)
    statuses = []
    for _ in range(9):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        statuses.append(int(head.split()[1]))
        [length] = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        await reader.readexactly(length)
    assert [statuses[0], statuses[2], statuses[3], statuses[8]] == [200] * 4
    assert 431 not in statuses
    writer.close()


@pytest.mark.parametrize("path", ["/graphql", "/v1/returns?to=x"])
async def test_a_client_that_hangs_up_at_once_is_no_incident(world: World, path: str) -> None:
    """By then nobody can tell where it came from, and who asks could not be settled."""
    body = json.dumps({"query": "{ me { account { name } } }"}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\nAuthorization: Bearer anything\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    def hang_up() -> None:
        with socket.create_connection(("127.0.0.1", world.port)) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sendall(head.encode() + body)

    with capture_logs() as logs:
        for _ in range(20):
            # On the loop's own thread: the server sees the connection, the request and its end in one turn.
            hang_up()
            await asyncio.sleep(0)
        # The twin, which also comes after all of them: who waits is told.
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(head.encode() + body)
        status = await asyncio.wait_for(reader.readline(), 30)
        writer.close()
    assert status.startswith(b"HTTP/1.1 401 ")
    assert "api.failed" not in [line["event"] for line in logs]
