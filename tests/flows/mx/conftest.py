"""Where do these flows run? On one platform for all of them, whose DNS and mail hosts are scripted."""

from collections.abc import Iterator

import pytest

from tests.flows.mx.internet import Internet
from tests.support.dns import Dns
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.stage import Stage, staged


@pytest.fixture(scope="package")
def internet() -> Iterator[Internet]:
    """Everything outside the platform."""
    with Dns() as dns:
        yield Internet(dns, free_port())


@pytest.fixture(scope="package")
def stage(populated: Postgres, internet: Internet) -> Iterator[Stage]:
    """A platform that delivers by MX; its workers meet mail hosts on the internet's port, with less patience."""
    settings = {
        "LIVERY_DNS": internet.dns.address,
        "LIVERY_PRIVATE_TARGETS": "1",
        "LABORATORY_PORT": str(internet.port),
    }
    yield from staged(populated, route="mx", settings=settings, programs={"workers": "tests.support.laboratory"})
