"""LIVERY_TLS=required: mail waits for a host that encrypts, and is told to none that does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.mx.internet import SOON, Internet, conversations, fate, send
from tests.flows.mx.test_encryption import context
from tests.support.postgres import Postgres
from tests.support.sink import Sink
from tests.support.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(populated: Postgres, internet: Internet) -> Iterator[Stage]:
    """A platform like the other flows' one, whose operator lets nothing go in the clear."""
    settings = {
        "LIVERY_DNS": internet.dns.address,
        "LIVERY_PRIVATE_TARGETS": "1",
        "LIVERY_TLS": "required",
        "LABORATORY_PORT": str(internet.port),
    }
    yield from staged(populated, route="mx", settings=settings, programs={"workers": "tests.support.laboratory"})


async def test_mail_waits_for_a_host_with_tls_and_goes_when_it_has(
    stage: Stage, internet: Internet, tmp_path: Path
) -> None:
    address = internet.address()
    internet.domain("plain.test", address)
    async with internet.host(address) as host:
        await send(stage, "r@plain.test")
        row = await fate(stage, "r@plain.test", "deferred")
        [talk] = await conversations(stage, "r@plain.test")
        assert row["cause"] == "tls"
        assert "the host offers no TLS, and this message may not go in the clear" in talk["text"]
        assert "MAIL FROM" not in talk["text"]
        assert host.mails == []
        host.tls = context(tmp_path, "mx1.plain.test")
        await stage.later(SOON)
        await fate(stage, "r@plain.test", "delivered")
        assert [mail.tls for mail in host.accepted] == [True]


async def test_where_one_host_has_no_tls_the_next_one_that_has_takes_the_mail(
    stage: Stage, internet: Internet, tmp_path: Path
) -> None:
    first, second = internet.address(), internet.address()
    internet.domain("mixed.test", first, second)
    async with (
        internet.host(first) as without,
        internet.host(second, Sink(tls=context(tmp_path, "mx2.mixed.test"))) as encrypts,
    ):
        await send(stage, "r@mixed.test")
        await fate(stage, "r@mixed.test", "delivered")
    assert without.mails == []
    assert [mail.tls for mail in encrypts.accepted] == [True]
