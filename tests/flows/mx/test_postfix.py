"""A real Postfix takes our mail: with TLS, with a broken certificate, and after it has greylisted us."""

import asyncio
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.mx.internet import SOON, Internet, conversations, fate, send
from tests.support.certificates import write_certificate
from tests.support.mails import OURS, POSTFIX, added, plain
from tests.support.postfix import Postfix
from tests.support.stage import Stage


class Greylist(socketserver.ThreadingTCPServer):
    """A policy service as Postfix asks one (SMTPD_POLICY_README): a recipient's first try is put off."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Policy)
        self.seen: set[str] = set()


class _Policy(socketserver.StreamRequestHandler):
    server: Greylist

    def handle(self) -> None:
        asked: dict[str, str] = {}
        while line := self.rfile.readline():
            key, equals, value = line.decode().strip().partition("=")
            if equals:
                asked[key] = value
                continue
            known = asked["recipient"] in self.server.seen
            self.server.seen.add(asked["recipient"])
            answer = "DUNNO" if known else "DEFER_IF_PERMIT 4.7.1 Greylisted, please come back"
            self.wfile.write(f"action={answer}\n\n".encode())
            asked = {}


@dataclass(frozen=True)
class Postfixes:
    """One Postfix with a host for each of its faces, by address."""

    server: Postfix
    secure: str
    broken: str
    grey: str


@pytest.fixture(scope="module")
def greylist() -> Iterator[Greylist]:
    with Greylist() as service:
        threading.Thread(target=service.serve_forever, args=(0.05,), daemon=True).start()
        yield service
        service.shutdown()


@pytest.fixture(scope="module")
def postfixes(internet: Internet, greylist: Greylist, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postfixes]:
    secure, broken, grey = (internet.address() for _ in range(3))
    internet.domain("secure.test", secure)
    internet.domain("broken.test", broken)
    internet.domain("greylisting.test", grey)

    def listener(address: str, *options: str) -> str:
        return " ".join([f"{address}:{internet.port} inet n - n - - smtpd", *(f"-o {option}" for option in options)])

    def with_tls(folder: Path, name: str, *, expired: bool = False) -> tuple[str, ...]:
        certificate, key = write_certificate(folder, name, expired=expired)
        return (
            "smtpd_tls_security_level=may",
            f"smtpd_tls_cert_file={certificate}",
            f"smtpd_tls_key_file={key}",
            "smtpd_tls_received_header=yes",
        )

    policy = f"check_policy_service,inet:127.0.0.1:{greylist.server_address[1]}"
    server = Postfix(
        listeners=(
            listener(secure, *with_tls(tmp_path_factory.mktemp("secure"), "mx1.secure.test")),
            listener(broken, *with_tls(tmp_path_factory.mktemp("broken"), "not.this.host.test", expired=True)),
            listener(grey, f"smtpd_recipient_restrictions={policy}"),
        )
    )
    try:
        server.start()
        yield Postfixes(server, secure, broken, grey)
    finally:
        server.stop()


async def arrived(postfixes: Postfixes, reader: str) -> bytes:
    """The one mail that lies in the maildir for this reader, as it went over the wire."""
    mails = await asyncio.to_thread(postfixes.server.receives, 1)
    [mail] = [mail for mail in mails if f"X-Original-To: {reader}\n".encode() in mail]
    return mail.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("face", ["secure", "broken"])
async def test_a_postfix_with_tls_gets_it_encrypted_whatever_its_certificate(
    stage: Stage, postfixes: Postfixes, face: str
) -> None:
    reader = f"r@{face}.test"
    await send(stage, reader)
    await fate(stage, reader, "delivered")
    mail = await arrived(postfixes, reader)
    assert set(added(mail, plain("user@shop.test", reader, f"to {reader}"), OURS | POSTFIX)) == OURS - {
        "date", "message-id"
    } | POSTFIX  # fmt: skip
    assert b"using TLSv1." in mail.partition(b"\r\n\r\n")[0]
    [talk] = await conversations(stage, reader)
    assert talk["tls"].startswith("TLSv1.")
    assert talk["ip"] == getattr(postfixes, face)


async def test_a_postfix_that_greylists_gets_it_at_the_second_attempt(
    stage: Stage, postfixes: Postfixes, greylist: Greylist
) -> None:
    reader = "r@greylisting.test"
    await send(stage, reader)
    row = await fate(stage, reader, "deferred")
    assert (row["cause"], row["code"], row["status"]) == ("greylisted", 450, "4.7.1")
    assert greylist.seen == {reader}
    await stage.later(SOON)
    row = await fate(stage, reader, "delivered")
    assert row["attempts"] == 2
    mail = await arrived(postfixes, reader)
    assert set(added(mail, plain("user@shop.test", reader, f"to {reader}"), OURS | POSTFIX)) >= POSTFIX
