"""Which services does the storm rage over? Both sets: the embedded server, and Debian's PostgreSQL with RabbitMQ."""

from collections.abc import Iterator

import pytest

from tests.chaos.__main__ import Services, services


@pytest.fixture(scope="module", params=["embedded", "rabbitmq"])
def beneath(request: pytest.FixtureRequest) -> Iterator[Services]:
    """Private servers of one kind, with the template of the accounts."""
    with services(request.param) as found:
        yield found
