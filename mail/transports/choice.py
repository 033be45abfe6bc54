"""Which transport does `LIVERY_ROUTE` mean? The one place that reads the word; called at the root of the worker process."""

from kit.resolver import Resolver
from mail.transports import Transport
from mail.transports.mx import MailExchangers
from mail.transports.relay import Relay
from mail.transports.simulator import Simulator


def choose(route: str, *, helo: str, resolver: Resolver, private_targets: bool = False) -> Transport:
    """The transport for a route ("mx", "simulator" or "smtp://host:port").

    `helo` is the name we give in EHLO (LIVERY_MAIL_DOMAIN), `private_targets` lets `mx` deliver to loopback and private
    addresses (LIVERY_PRIVATE_TARGETS). Raises ValueError for any other word.
    """
    if route == "mx":
        return MailExchangers(resolver, helo=helo, private_targets=private_targets)
    if route == "simulator":
        return Simulator(f"simulator.{helo}")
    return Relay.from_route(route, helo=helo)
