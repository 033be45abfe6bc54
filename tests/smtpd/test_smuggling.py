"""Can a second message be hidden inside the first? T-SM1 of the security notes: eleven ways to end data wrongly."""

from collections.abc import AsyncIterator

import pytest

from kit.settings import load
from tests.smtpd.client import Client
from tests.smtpd.conftest import MakeEnvironment, Server, serving

ENDS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CRLF.CR": b"\r\n.\r",
    "CR.CRLF": b"\r.\r\n",
    "CR.LF": b"\r.\n",
    "LF.CR": b"\n.\r",
    "CRLF.CRCRLF": b"\r\n.\r\r\n",
    "CRLF NUL.CRLF": b"\r\n\0.\r\n",
    "CRLF.NUL CRLF": b"\r\n.\0\r\n",
}
HEAD = b"From: user@shop.test\r\nSubject: outer\r\n\r\nouter"
INNER = (
    b"MAIL FROM:<user@shop.test>\r\nRCPT TO:<victim@remote.test>\r\nDATA\r\n"
    b"From: ceo@shop.test\r\nSubject: smuggled\r\n\r\ninner\r\n.\r\n"
)
REFUSALS = {
    "550 5.6.0 The message has a bare CR or LF: end every line with CRLF",
    "550 5.6.0 The message has a NUL byte, which mail cannot carry: encode it as base64",
}


@pytest.fixture
async def lenient(environment: MakeEnvironment) -> AsyncIterator[Server]:
    """A door that puts bare newlines right."""
    async with serving(load(environment(LIVERY_BARE_NEWLINES="normalise"))) as server:
        yield server


@pytest.mark.parametrize("bytewise", [False, True])
@pytest.mark.parametrize("way", ["clear", "starttls", "implicit"])
async def test_a_wrong_end_of_data_ends_nothing_and_the_message_is_refused(
    server: Server, way: str, bytewise: bool
) -> None:
    await server.know_network("127.0.0.0/8")
    for name, end in ENDS.items():
        async with await server.client(way) as client:
            reply = await _smuggle(client, end, bytewise=bytewise)
            assert reply in REFUSALS, name
            assert await server.stored() == (0, 0), name
            # What stood inside was content and no commands: the next reply is to the next command.
            assert (await client.say("NOOP")).status == "250 2.0.0", name
    async with await server.client(way) as client:
        assert (await _smuggle(client, b"\r\n", bytewise=bytewise)).startswith("250 2.0.0")
    assert await server.stored() == (1, 1)


@pytest.mark.parametrize("way", ["clear", "starttls", "implicit"])
async def test_a_wrong_end_of_data_is_put_right_where_the_operator_chose_so(lenient: Server, way: str) -> None:
    await lenient.know_network("127.0.0.0/8")
    for name, end in ENDS.items():
        async with await lenient.client(way) as client:
            reply = await _smuggle(client, end, bytewise=False)
            assert (reply in REFUSALS) if b"\0" in end else reply.startswith("250 2.0.0"), name
            assert (await client.say("NOOP")).status == "250 2.0.0", name
    contents = await lenient.contents()
    assert len(contents) == len([end for end in ENDS.values() if b"\0" not in end])
    for content in contents:
        bare = content.replace(b"\r\n", b"")
        assert b"\r" not in bare
        assert b"\n" not in bare
        assert b"\0" not in content
        assert b"Subject: smuggled" in content
    assert await lenient.conn.fetchval("select count(*) from recipient where address = 'victim@remote.test'") == 0


async def _smuggle(client: Client, end: bytes, *, bytewise: bool) -> str:
    await client.start()
    assert (await client.say("DATA")).code == 354
    inner = INNER.replace(b"\r\n.\r\n", b"\r\n")
    await client.send(HEAD + end + inner + b".\r\n", bytewise=bytewise)
    return (await client.reply()).lines[-1]
