"""Is what is said under TLS said by the one who began it? T-SM3 and T-SM7, and certificates renewed under way."""

import asyncio
import ssl
from pathlib import Path

import pytest

from smtpd import limits
from tests.smtpd.client import MESSAGE, Client, plain, trusting
from tests.smtpd.conftest import Server
from tests.support.certificates import write_certificate


@pytest.mark.parametrize("split", ["one write", 1, 9, 10, 11, 24, 40, 75])
async def test_what_is_sent_behind_starttls_in_clear_is_forgotten(server: Server, split: str | int) -> None:
    injected = f"EHLO evil.test\r\nAUTH PLAIN {plain(server.user, server.password)}\r\nMAIL FROM:<user@shop.test>\r\n"
    stream = b"STARTTLS\r\n" + injected.encode()
    async with await server.client("clear") as client:
        if split == "one write":
            await client.send(stream)
        else:
            # The rest arrives at once after the split: before the reply to STARTTLS has been read.
            await client.send(stream[: int(split)])
            await asyncio.sleep(0)
            await client.send(stream[int(split) :])
        assert (await client.reply()).lines == ("220 2.0.0 Go ahead",)
        try:
            await client.writer.start_tls(trusting())
        except (ssl.SSLError, ConnectionError):
            client.reset()
            return  # it came so late that it stood where the handshake should begin: refused is forgotten, too
        assert await client.quiet()
        assert (await client.say("MAIL FROM:<user@shop.test>")).status == "503 5.5.1"
        assert (await client.say("EHLO client.test")).code == 250
        assert (await client.say("MAIL FROM:<user@shop.test>")).status == "530 5.7.0"
        assert (await client.login(server.user, server.password)).code == 235


async def test_starttls_forgets_what_was_said_before(server: Server) -> None:
    await server.know_network("127.0.0.0/8")
    async with await server.client("clear") as client:
        await client.start()
        await client.starttls()
        assert (await client.say("DATA")).status == "503 5.5.1"
        assert (await client.say("EHLO client.test")).code == 250
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


async def test_starttls_is_offered_once(server: Server) -> None:
    async with await server.client() as client:
        assert (await client.say("STARTTLS")).status == "503 5.5.1"
    async with await server.client("clear") as client:
        assert (await client.say("STARTTLS now")).status == "501 5.5.4"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("version", "welcome"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
@pytest.mark.parametrize("implicit", [False, True])
async def test_versions_before_tls_1_2_are_refused(server: Server, implicit: bool, version: str, welcome: bool) -> None:
    context = trusting()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    assert await _handshake(server, context, implicit=implicit) is welcome


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_handshake_that_never_comes_is_cut(
    server: Server, implicit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE", 0.5)
    if implicit:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.implicit)
    else:
        client = await server.client("clear")
        assert (await client.say("STARTTLS")).code == 220
        reader, writer = client.reader, client.writer
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    monkeypatch.undo()
    async with await server.client() as other:
        assert (await other.say("NOOP")).code == 250


async def test_a_renewed_certificate_serves_the_next_handshake_and_ends_no_session(
    server: Server, tmp_path: Path
) -> None:
    old = await server.client("implicit")
    before = _shown(old)
    assert server.settings.tls_cert is not None
    write_certificate(server.settings.tls_cert.parent, "renewed.test")
    server.door.certificate.follow()
    async with await server.client("implicit") as new:
        assert _shown(new) != before
    async with await server.client("starttls") as new:
        assert _shown(new) != before
    assert (await old.say("NOOP")).code == 250
    await old.close()


async def test_a_certificate_that_cannot_be_used_leaves_the_old_one(server: Server) -> None:
    async with await server.client("implicit") as client:
        before = _shown(client)
    assert server.settings.tls_cert is not None
    server.settings.tls_cert.write_text("broken")
    server.door.certificate.follow()
    async with await server.client("implicit") as client:
        assert _shown(client) == before


def _shown(client: Client) -> bytes:
    shown: bytes = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return shown


async def _handshake(server: Server, context: ssl.SSLContext, *, implicit: bool) -> bool:
    try:
        if implicit:
            _, writer = await asyncio.open_connection("127.0.0.1", server.implicit, ssl=context)
            writer.close()
            return True
        async with await server.client("clear") as client:
            assert (await client.say("STARTTLS")).code == 220
            await client.writer.start_tls(context)
            return True
    except (ssl.SSLError, ConnectionError):
        return False
