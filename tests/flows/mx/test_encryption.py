"""Mail is encrypted wherever the host can, whoever signed its certificate, and goes in the clear only where it cannot."""

import ssl
from pathlib import Path

import pytest

from tests.flows.mx.internet import Internet, conversations, fate, send
from tests.support.certificates import write_certificate
from tests.support.sink import NOISE, RESET, Sink
from tests.support.stage import Stage


def context(folder: Path, *names: str, expired: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*write_certificate(folder, *names, expired=expired))
    return made


@pytest.mark.parametrize("fault", ["unknown-issuer", "expired", "wrong-name"])
async def test_starttls_is_used_whatever_the_certificate(
    stage: Stage, internet: Internet, tmp_path: Path, fault: str
) -> None:
    """RFC 7435: nobody promised anything about this host, so encryption unchecked still beats none."""
    domain, address = f"{fault}.test", internet.address()
    internet.domain(domain, address)
    name = "somebody.else.test" if fault == "wrong-name" else f"mx1.{domain}"
    async with internet.host(address, Sink(tls=context(tmp_path, name, expired=fault == "expired"))) as host:
        await send(stage, f"r@{domain}")
        [mail] = await host.receives(1)
        await fate(stage, f"r@{domain}", "delivered")
    assert mail.tls
    [talk] = await conversations(stage, f"r@{domain}")
    assert talk["tls"].startswith("TLSv1.")


@pytest.mark.parametrize("fault", ["454 4.7.0 TLS not available", NOISE, RESET])
async def test_where_tls_breaks_the_same_host_gets_it_in_the_clear_and_is_remembered(
    stage: Stage, internet: Internet, tmp_path: Path, fault: str
) -> None:
    domain, address = f"tls-{fault[:3]}.test", internet.address()
    internet.domain(domain, address)
    async with internet.host(address, Sink(tls=context(tmp_path, f"mx1.{domain}"))) as host:
        host.answers(fault, at="starttls")
        host.answers("450 4.2.0 not yet", "250 2.1.5 ok", to=f"r@{domain}")
        await send(stage, f"first@{domain}")
        [mail] = await host.receives(1)
        row = await fate(stage, f"first@{domain}", "delivered")
        assert (mail.tls, row["attempts"], host.connections) == (False, 1, 2)
        talks = await conversations(stage, f"first@{domain}")
        assert [(talk["ip"], talk["tls"]) for talk in talks] == [(address, None)] * 2
        assert ["> STARTTLS" in talk["text"] for talk in talks] == [True, False]
        # Some other connection, and TLS is not tried on it.
        host.answers("421 4.3.2 no more on this one", "250 2.1.0 ok", at="mail")
        await send(stage, f"second@{domain}")
        await host.receives(2)
        await fate(stage, f"second@{domain}", "delivered")
    assert host.connections == 3
    assert not any("> STARTTLS" in talk["text"] for talk in await conversations(stage, f"second@{domain}"))


async def test_without_starttls_mail_goes_in_the_clear(stage: Stage, internet: Internet) -> None:
    """Nothing forbids it here; whether somebody took the word out of the EHLO reply cannot be known."""
    address = internet.address()
    internet.domain("stripped.test", address)
    async with internet.host(address) as host:
        await send(stage, "r@stripped.test")
        [mail] = await host.receives(1)
        await fate(stage, "r@stripped.test", "delivered")
    assert not mail.tls
