"""How much may one peer take? Connections, errors, junk, bytes, time and memory: T-SM8, T-SM17 and T-SM18, reduced.

Where a promise is about seconds or megabytes, the test lowers the figure and keeps the rule.
"""

import asyncio
import re
import time
from pathlib import Path

import pytest

from kit.settings import load
from smtpd import limits
from tests.smtpd.client import MESSAGE, Client
from tests.smtpd.conftest import MakeEnvironment, Server, separate, serving

TOO_MANY = "421 4.7.0 Too many connections from your address: close some or log in first"


async def test_an_address_has_thirty_connections_until_it_logs_in(server: Server) -> None:
    clients = [await server.client("clear") for _ in range(30)]
    refused = await Client.connect(server.starttls)
    assert refused.greeting.lines == (TOO_MANY,)
    assert await refused.ended()
    # Another address is not affected, and the port for returned mail counts together with this one.
    async with await Client.connect(server.starttls, source="127.0.0.2") as neighbour:
        assert neighbour.greeting.code == 220
    async with await Client.connect(server.mx) as other_port:
        assert other_port.greeting.lines == (TOO_MANY,)
    # Who logs in counts for the account from then on, and makes room.
    await clients[0].starttls()
    assert (await clients[0].say("EHLO client.test")).code == 250
    assert (await clients[0].login(server.user, server.password)).code == 235
    async with await Client.connect(server.starttls) as welcome:
        assert welcome.greeting.code == 220
    for client in [refused, *clients]:
        await client.close()


async def test_who_hangs_up_makes_room(server: Server) -> None:
    for _ in range(4):
        clients = [await server.client("clear") for _ in range(20)]
        for client in clients:
            client.reset()
        await _until_gone(server)
    async with await server.member() as client:
        assert (await client.say("NOOP")).code == 250


async def test_a_known_network_has_more_than_thirty(server: Server) -> None:
    await server.know_network("127.0.0.0/8")
    clients = [await server.client("clear") for _ in range(40)]
    await asyncio.gather(*(client.start() for client in clients))
    replies = await asyncio.gather(*(client.data(MESSAGE) for client in clients))
    assert {reply.code for reply in replies} == {250}
    assert await server.stored() == (40, 40)
    for client in clients:
        await client.close()


async def test_an_account_has_an_end_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.door.members, "limit", 2)
    first, second = await server.member(), await server.member()
    async with await server.client() as third:
        assert (await third.login(server.user, server.password)).lines == (
            "421 4.7.0 Too many connections of your account: close some and keep the others open longer",
        )
        assert await third.ended()
    await first.close()
    async with await server.member("implicit") as fourth:
        assert (await fourth.say("NOOP")).code == 250
    await second.close()


async def test_handshakes_that_hang_count_for_their_address(server: Server) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", server.implicit) for _ in range(30)]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.implicit)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    async with await Client.connect(server.implicit, tls=True, source="127.0.0.2") as neighbour:
        assert neighbour.greeting.code == 220
    for _, each in [*silent, (reader, writer)]:
        each.close()
    async with asyncio.timeout(10):
        while True:
            try:
                async with await Client.connect(server.implicit, tls=True) as client:
                    assert client.greeting.code == 220
                    break
            except (ConnectionError, OSError):
                continue


async def test_a_stranger_who_only_makes_errors_is_slowed_and_sent_away(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ERRORS_SLOW", 3)
    monkeypatch.setattr(limits, "ERRORS_END", 5)
    async with await server.client("clear") as client:
        begun = time.monotonic()
        for _ in range(3):
            assert (await client.say("HUH")).code == 500
        assert time.monotonic() - begun < 0.9
        await client.send(b"HUH\r\n" * 2)
        assert [(await client.reply()).status for _ in range(3)] == ["500 5.5.1", "500 5.5.1", "421 4.7.0"]
        assert time.monotonic() - begun > 0.9
        assert await client.ended()


async def test_a_member_may_make_more_errors(server: Server) -> None:
    async with await server.member() as client:
        for _ in range(50):
            assert (await client.say("RCPT TO:<a@b.test>")).code == 503
        await client.start()
        assert (await client.data(MESSAGE)).code == 250


async def test_a_hundred_commands_without_a_message_are_enough(server: Server) -> None:
    async with await server.client("clear") as client:  # EHLO was the first
        await client.send(b"NOOP\r\nRSET\r\nVRFY a\r\n" * 33)
        assert {(await client.reply()).code for _ in range(99)} == {250, 252}
        assert (await client.say("NOOP")).lines == (
            "421 4.7.0 Too many commands without a message: connect again when you have one",
        )
        assert await client.ended()


@pytest.mark.parametrize("way", ["clear", "starttls"])
async def test_a_line_without_an_end_is_forgotten_while_it_comes_and_then_cut(server: Server, way: str) -> None:
    async with await server.client(way) as client:
        with pytest.raises(ConnectionError):
            for _ in range(2_000):
                await client.send(b"A" * 10_000)
        assert all(len(session.stream._buffer) <= 300_000 for session in server.door.sessions)


async def test_a_line_that_is_too_long_is_one_error(server: Server) -> None:
    async with await server.client("clear") as client:
        assert (await client.say("NOOP " + "x" * 30_000)).status == "500 5.5.2"
        assert (await client.say("NOOP")).status == "250 2.0.0"


@pytest.mark.parametrize("stage", ["greeting", "command", "tls", "challenge"])
async def test_a_silent_or_dripping_stranger_is_cut(
    server: Server, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STRANGER_IDLE", 1.0)
    client = await Client.connect(server.starttls)
    if stage != "greeting":
        assert (await client.say("EHLO client.test")).code == 250
    if stage in {"tls", "challenge"}:
        await client.starttls()
        assert (await client.say("EHLO client.test")).code == 250
    if stage == "challenge":
        assert (await client.say("AUTH LOGIN")).code == 334
    begun = time.monotonic()
    dripping = asyncio.create_task(_drip(client))
    assert (await client.reply()).status == "421 4.4.2"
    assert await client.ended()
    assert time.monotonic() - begun < 8
    dripping.cancel()
    await client.close()


async def test_a_member_has_more_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await server.member() as client:
        monkeypatch.setattr(limits, "STRANGER_IDLE", 0.2)
        monkeypatch.setattr(limits, "MEMBER_IDLE", 1.5)
        assert (await client.say("NOOP")).code == 250
        await asyncio.sleep(0.5)
        assert (await client.say("NOOP")).code == 250
        assert (await client.reply()).status == "421 4.4.2"


async def test_content_is_cut_by_its_rate_and_not_by_its_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await server.member() as steady, await server.member("implicit") as slow:
        for client in (steady, slow):
            await client.start()
        monkeypatch.setattr(limits, "RATE_WINDOW", 0.5)
        monkeypatch.setattr(limits, "RATE_BYTES", 2_000)
        for client in (steady, slow):
            assert (await client.say("DATA")).code == 354
            await client.send(MESSAGE)
        for _ in range(20):
            await asyncio.sleep(0.1)
            await steady.send(b"x" * 998 + b"\r\n")
            if not slow.writer.transport.is_closing():
                slow.writer.write(b"y" * 50 + b"\r\n")
        assert (await slow.reply()).status == "421 4.4.2"
        assert await slow.ended()
        await steady.send(b".\r\n")
        assert (await steady.reply()).code == 250
    assert await server.stored() == (1, 1)


async def test_content_far_beyond_the_limit_is_cut(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MESSAGE_BYTES", 1_000_000)
    monkeypatch.setattr(limits, "DRAIN_BYTES", 1_100_000)
    async with await server.member() as client:
        await client.start()
        assert (await client.say("DATA")).code == 354
        with pytest.raises(ConnectionError):
            for _ in range(2_000):
                await client.send(b"x" * 10_000)
    assert await server.stored() == (0, 0)
    assert server.door.held == 0


async def test_more_content_than_fits_is_put_off_and_the_session_goes_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMORY_BYTES", 500_000)
    async with await server.member() as first, await server.member() as second:
        for client in (first, second):
            await client.start()
            assert (await client.say("DATA")).code == 354
        await first.send(MESSAGE + b"x\r\n" * 100_000)
        async with asyncio.timeout(10):
            while server.door.held < 300_000:  # noqa: ASYNC110 - until the server has read it
                await asyncio.sleep(0.005)
        await second.send(MESSAGE + b"y\r\n" * 100_000 + b".\r\n")
        assert (await second.reply()).status == "452 4.3.1"
        await first.send(b".\r\n")
        assert (await first.reply()).code == 250
        await second.start()
        assert (await second.data(MESSAGE)).code == 250
    assert await server.stored() == (2, 2)
    assert server.door.held == 0


async def test_memory_stays_flat_under_endless_lines_and_idle_peers(
    environment: MakeEnvironment, server: Server, tmp_path: Path
) -> None:
    """T-SM17 and the design's memory figure, reduced: 300 idle peers, 20 that never end a line."""
    await server.know_network("127.0.0.0/8")
    with separate(environment(), tmp_path / "other.log") as other:
        port = other.settings.smtp_ports[0]
        before = _resident(other.process.pid)
        idle = [await Client.connect(port, source=f"127.0.1.{n % 250 + 1}") for n in range(300)]
        await asyncio.gather(*(_flood(port, n) for n in range(20)))
        async with await Client.connect(port) as client:
            assert (await client.say("EHLO client.test")).code == 250
            await client.start()
            assert (await client.data(MESSAGE)).code == 250
        grown = _resident(other.process.pid) - before
        for client in idle:
            await client.close()
    assert grown < 40_000, f"{grown} kB more"


async def test_a_client_by_ipv6_is_met_the_same_way(environment: MakeEnvironment) -> None:
    async with serving(load(environment(LIVERY_BIND="::1"))) as server:
        await server.know_network("::1/128")
        async with await Client.connect(server.starttls, host="::1", source="::1") as client:
            assert (await client.say("EHLO client.test")).code == 250
            await client.start()
            assert (await client.data(MESSAGE)).code == 250
        trace = await server.conn.fetchval("select trace from message")
        assert trace.startswith("from client.test ([IPv6:::1]) by ")
    async with serving(load(environment(LIVERY_BIND="::"))) as server:
        await server.know_network("127.0.0.1/32")
        async with await Client.connect(server.starttls) as client:
            assert (await client.say("EHLO client.test")).code == 250
            await client.start()
            assert (await client.data(MESSAGE)).code == 250
        assert await server.stored() == (2, 2)


async def _flood(port: int, number: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.2.{number + 1}", 0))
    try:
        for _ in range(500):
            writer.write(b"A" * 20_000)
            await writer.drain()
    except ConnectionError:
        pass
    writer.transport.abort()


async def _drip(client: Client) -> None:
    while True:
        await asyncio.sleep(0.1)
        client.writer.write(b"x")


async def _until_gone(server: Server) -> None:
    async with asyncio.timeout(10):
        while server.door.sessions:  # noqa: ASYNC110 - the server tells nobody that a peer has gone
            await asyncio.sleep(0.005)


def _resident(pid: int) -> int:
    """Memory of a process in kB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])
