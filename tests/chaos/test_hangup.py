"""A client that goes away at any byte around the final dot: stored and charged, or neither; never one without the other."""

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest

from kit.crypto import Keyring
from kit.db import open_database
from tenants.credentials import create_credential
from tenants.models import CredentialKind
from tests.support import laws, world
from tests.support.mails import plain
from tests.support.postgres import Postgres
from tests.support.stage import Stage, eventually, staged

OFFSETS = 50
_BEFORE = 25  # of them lie before the last byte of CRLF.CRLF has been sent


@pytest.fixture(scope="module")
def stage(populated: Postgres) -> Iterator[Stage]:
    """A platform that takes mail and keeps it."""
    yield from staged(populated, processes=("smtpd", "clock"))


@pytest.fixture(autouse=True)
async def _source(stage: Stage) -> None:
    db = await open_database(stage.database_url, size=1)
    async with db.transaction() as conn:
        await create_credential(
            conn,
            Keyring(world.SECRET_KEY),
            account_id=stage.world.shop.id,
            kind=CredentialKind.SOURCE,
            name="Hangup",
            networks=("127.0.0.1/32",),
        )
    await db.close()


def hang_up_at(port: int, reader: str, offset: int, *, reset: bool) -> bool:
    """Send a message and more, cut at `offset` from the end of its final dot; return whether the dot was whole."""
    content = plain("user@shop.test", reader, "cut") + b".\r\n"
    behind = b"NOOP\r\n" * 5 + b"QUIT\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer, peer.makefile("rb") as replies:
        for line in ("", "EHLO client.test", "MAIL FROM:<user@shop.test>", f"RCPT TO:<{reader}>", "DATA"):
            if line:
                peer.sendall(f"{line}\r\n".encode())
            while (reply := replies.readline())[3:4] == b"-":
                pass
            assert reply[:1] in b"23", reply
        peer.sendall((content + behind)[: len(content) + offset])
        if reset:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return offset >= 0


async def test_at_every_offset_it_is_stored_and_charged_or_neither(stage: Stage) -> None:
    whole: dict[str, bool] = {}
    for number in range(OFFSETS):
        reader = f"cut-{number}@far.test"
        whole[reader] = await asyncio.to_thread(
            hang_up_at, stage.platform.submission, reader, number - _BEFORE, reset=number % 2 == 1
        )
    assert sum(whole.values()) == OFFSETS - _BEFORE

    async def pairs() -> dict[str, tuple[int, int]]:
        async with stage.database() as conn:
            # One statement, one moment: between two a client's message may be committed.
            rows = await conn.fetch(
                """select r.address, count(*) as stored, sum(c.charged) as charged,
                          (select -sum(delta)::int from credit_entry where reason = 'message') as everything
                     from recipient r join lateral (select -sum(delta)::int as charged from credit_entry
                                                     where message_id = r.message_id and reason = 'message') c on true
                    group by r.address"""
            )
        assert {row["everything"] for row in rows} <= {sum(row["stored"] for row in rows)}, (
            "charged for what is not there"
        )
        return {row["address"]: (row["stored"], row["charged"]) for row in rows}

    # Who closes in order after a whole message has sent it all: those arrive. A reset may take bytes back.
    sure = {reader for at, reader in enumerate(whole) if whole[reader] and at % 2 == 0}

    async def arrived() -> dict[str, tuple[int, int]] | None:
        found = await pairs()
        return found if found.keys() >= sure else None

    await eventually(arrived, "messages of clients that closed in order")
    await asyncio.to_thread(stage.platform.stop, "smtpd")  # in order: whatever was on its way in is in now
    found = await pairs()
    assert set(found.values()) == {(1, 1)}
    assert {reader for reader in found if not whole[reader]} == set()
    async with stage.database() as conn:
        await laws.check(conn)
