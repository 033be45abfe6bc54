"""What happens between DATA and the reply to the final dot? Bytes kept exactly, refusals that cost nothing, hang-ups."""

import asyncio
import itertools
import random
import re

import pytest

from smtpd import limits
from tests.smtpd.client import MESSAGE, Client
from tests.smtpd.conftest import DOMAIN, Server
from tests.support.credits import leave

HEAD = b"From: user@shop.test\r\nSubject: x\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (MESSAGE, MESSAGE),
        (HEAD + b"..\r\n...\r\n..a\r\n.a\r\na.\r\n", HEAD + b".\r\n..\r\n.a\r\na\r\na.\r\n"),
        (b"..From: x\r\n", b".From: x\r\n"),
        (b"", b""),
        (b"\r\n", b"\r\n"),
        (HEAD + "Grüße aus der Küche, undeclared\r\n".encode(), HEAD + "Grüße aus der Küche, undeclared\r\n".encode()),
        (HEAD + b"\xff\xfe\x80 no utf-8\r\n", HEAD + b"\xff\xfe\x80 no utf-8\r\n"),
        (HEAD + b"x" * 100_000 + b"\r\n", HEAD + b"x" * 100_000 + b"\r\n"),
        (b"no header at all, only text\r\n", b"no header at all, only text\r\n"),
        (HEAD + b"\x00".hex().encode() + b"\x01\x7f\t\r\n", HEAD + b"00\x01\x7f\t\r\n"),
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
async def test_the_bytes_are_stored_as_they_were_meant(
    server: Server, sent: bytes, stored: bytes, bytewise: bool
) -> None:
    if bytewise and len(sent) > 10_000:
        sent, stored = HEAD + sent[-5_000:], HEAD + stored[-5_000:]
    async with await server.member() as client:
        await client.start()
        assert (await client.say("DATA")).code == 354
        await client.send(sent + b".\r\n", bytewise=bytewise)
        reply = await client.reply()
        assert reply.status == "250 2.0.0", reply
        assert (await client.say("NOOP")).code == 250
    assert await server.contents() == [stored]


async def test_the_reply_names_the_message(server: Server) -> None:
    async with await server.member() as client:
        await client.start()
        reply = await client.data(MESSAGE)
        assert reply.lines == (f"250 2.0.0 Queued as {await server.conn.fetchval('select id from message')}",)


@pytest.mark.parametrize(
    ("way", "hello", "protocol"),
    [
        ("starttls", "EHLO client.test", "ESMTPSA"),
        ("implicit", "EHLO [127.0.0.1]", "ESMTPSA"),
        ("clear", "EHLO client.test", "ESMTP"),
        ("clear", "HELO client.test", "SMTP"),
    ],
)
async def test_the_trace_tells_whence_and_how_and_names_no_host_of_ours(
    server: Server, way: str, hello: str, protocol: str
) -> None:
    if way == "clear":
        await server.know_network("127.0.0.1/32")
    async with await server.client(way) as client:
        assert (await client.say(hello)).code == 250
        if way != "clear":
            assert (await client.login(server.user, server.password)).code == 235
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    trace = await server.conn.fetchval("select trace from message")
    name = re.escape(hello.partition(" ")[2])
    date = r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"
    assert re.fullmatch(rf"from {name} \(\[127\.0\.0\.1\]\) by {DOMAIN} with {protocol}; {date}", trace), trace


@pytest.mark.parametrize("name", ["a;b", "a b", "büro", "a(b", 'a"b', "<a>", "a\u2028b"])
async def test_a_strange_host_name_stays_out_of_the_trace(server: Server, name: str) -> None:
    async with await server.member() as client:
        if (await client.say(f"EHLO {name}")).code == 250:
            await client.start()
            assert (await client.data(MESSAGE)).code == 250
            assert (await server.conn.fetchval("select trace from message")).startswith(
                "from unknown ([127.0.0.1]) by "
            )
        else:
            assert await server.stored() == (0, 0)


async def test_several_messages_go_over_one_connection(server: Server) -> None:
    async with await server.member() as client:
        for number in range(30):
            await client.start()
            assert (await client.data(HEAD + b"%d\r\n" % number)).code == 250
    assert await server.contents() == [HEAD + b"%d\r\n" % number for number in range(30)]


@pytest.mark.parametrize("seed", range(5))
async def test_messages_and_commands_pipelined_in_any_pieces_come_apart_as_they_were_put_together(
    server: Server, seed: int
) -> None:
    chance = random.Random(seed)
    alphabet = [b".", b"\r\n", b"a", b"\r\n.", b"\r\n..", b"xyz"]
    bodies = [HEAD + b"".join(chance.choices(alphabet, k=200)) + b"\r\n" for _ in range(20)]
    stream = b""
    for body in bodies:
        stuffed = body.replace(b"\r\n.", b"\r\n..")
        stream += b"MAIL FROM:<user@shop.test>\r\nRCPT TO:<a@remote.test>\r\nDATA\r\n" + stuffed + b".\r\n"
    async with await server.member() as client:
        sending = asyncio.create_task(_in_pieces(client, stream, chance))
        codes = [(await client.reply()).code for _ in range(4 * len(bodies))]
        await sending
    assert codes == [250, 250, 354, 250] * len(bodies)
    assert await server.contents() == bodies


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (HEAD + b"a\nb\r\n", "550 5.6.0"),
        (HEAD + b"a\rb\r\n", "550 5.6.0"),
        (HEAD + b"a\0b\r\n", "550 5.6.0"),
        (b"A: b\r\n" * 1_001 + b"\r\n", "552 5.3.4"),
        (b"A: " + b"b" * 997 + b"\r\n\r\nbody\r\n", "550 5.6.0"),
        (b"".join(b"A: %s\r\n" % (b"b" * 900) for _ in range(120)) + b"\r\nbody\r\n", "552 5.3.4"),
        (b"Received: from a by b; date\r\n" * 101 + b"\r\nbody\r\n", "554 5.4.6"),
        (b"From: ceo@rival.test\r\n\r\nbody\r\n", "550 5.7.1"),
    ],
)
async def test_a_message_is_refused_at_no_cost_and_the_session_goes_on(
    server: Server, content: bytes, status: str
) -> None:
    async with await server.member() as client:
        await client.start()
        reply = await client.data(content)
        assert reply.status == status
        assert "livery" not in reply.text.lower()
        assert await server.stored() == (0, 0)
        await client.start()
        assert (await client.data(b"A: " + b"b" * 995 + b"\r\n\r\nbody\r\n")).code == 250
    assert await server.stored() == (1, 1)


async def test_a_message_too_big_by_count_is_read_to_its_end_and_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MESSAGE_BYTES", 1_000_000)
    monkeypatch.setattr(limits, "DRAIN_BYTES", 1_100_000)
    line = b"x" * 76 + b"\r\n"
    async with await server.member() as client:
        await client.start()
        assert (await client.data(HEAD + line * 13_000)).status == "552 5.3.4"
        assert await server.stored() == (0, 0)
        await client.start()
        assert (await client.data(HEAD + line * 12_000)).status == "250 2.0.0"
    assert await server.stored() == (1, 1)


async def test_without_credits_the_client_is_told_to_come_back_with_more(server: Server) -> None:
    async with server.conn.transaction():
        await leave(server.conn, await server.conn.fetchval("select id from account where slug = 'shop.test'"), 1)
    async with await server.member() as client:
        await client.start(recipients=2)
        assert (await client.data(MESSAGE)).lines == (
            "452 4.7.1 Not enough credits for this message. "
            "Buy credits or ask whoever runs your account, then send again.",
        )
        assert await server.stored() == (0, 0)
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


async def test_when_the_database_fails_the_client_keeps_the_message(server: Server) -> None:
    async with await server.member() as client:
        await server.conn.execute("alter table body rename to away")
        await client.start()
        assert (await client.data(MESSAGE)).status == "451 4.3.0"
        await server.conn.execute("alter table away rename to body")
        assert await server.stored() == (0, 0)
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


@pytest.mark.parametrize("way", ["starttls", "implicit", "clear"])
@pytest.mark.parametrize("manner", ["close", "reset", "half"])
async def test_a_client_that_hangs_up_around_the_final_dot_is_charged_for_what_is_stored(
    server: Server, way: str, manner: str
) -> None:
    """Fact 2 of the security notes: stored and charged, or neither."""
    await server.know_network("127.0.0.0/8")
    for turn, moment in itertools.product(range(4), (b"", b".", b".\r", b".\r\n")):
        before = await server.stored()
        client = await server.client(way)
        await client.start()
        assert (await client.say("DATA")).code == 354
        client.writer.write(HEAD + b"%d\r\n" % turn + moment)
        await asyncio.sleep(turn * 0.001)
        if manner == "reset":
            client.reset()
        elif manner == "half" and way == "clear":
            client.writer.write_eof()
            if moment == b".\r\n":
                assert (await client.reply()).code == 250
        await client.close()
        await _settled(server)
        messages, spent = (now - then for now, then in zip(await server.stored(), before, strict=True))
        assert (messages, spent) in {(0, 0), (1, 1)}
        if moment != b".\r\n":
            assert (messages, spent) == (0, 0)
        elif manner == "half" and way == "clear":
            assert (messages, spent) == (1, 1)


async def _settled(server: Server) -> None:
    """Wait until the server has noticed and nothing is on its way in."""
    async with asyncio.timeout(10):
        while server.door.sessions:  # noqa: ASYNC110 - the server tells nobody that a peer has gone
            await asyncio.sleep(0.005)
    await server.door.handler.drain()


async def _in_pieces(client: Client, stream: bytes, chance: random.Random) -> None:
    while stream:
        size = chance.choice([1, 2, 3, 5, 10, 100, 1_000])
        await client.send(stream[:size])
        stream = stream[size:]
        await asyncio.sleep(0)
