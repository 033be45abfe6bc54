"""Which way does a message take out of the house? `LIVERY_ROUTE` decides for all; sandboxed mail never leaves it.

From which address it leaves is the account's choice (`tenants.sources`, `mail.dispatch.prepare`); pools of them come with the
delivery issue.
"""

from dataclasses import dataclass

from kit.resolver import DnsResolver
from kit.settings import Settings
from mail.pacing import INTERNET, ONE_PEER, Pace
from mail.transports import Transport, simulator
from mail.transports.audience import Audience
from mail.transports.mx import MailExchangers
from mail.transports.relay import Relay
from mail.transports.simulator import Simulator


@dataclass(frozen=True)
class Routes:
    """The ways out of one process."""

    main: Transport
    """What `LIVERY_ROUTE` names."""
    simulator: Transport
    """The way of sandboxed mail, which ends inside the house."""
    pace: Pace
    """How hard the main way may be pressed."""
    simulated: frozenset[str] = frozenset()
    """Domains that exist only in the simulator, whatever the main way is."""

    def way_out(self, domain: str, *, sandbox: bool) -> Transport:
        """The transport for mail to `domain`."""
        return self.simulator if sandbox or domain in self.simulated else self.main

    async def close(self) -> None:
        """Let go of every connection."""
        await self.main.close()
        if self.simulator is not self.main:
            await self.simulator.close()


def open_routes(settings: Settings) -> Routes:
    """The routes of a worker process; nothing is connected to before there is mail."""
    own = simulator.neutral_domain(settings.mail_domain)
    played = Simulator(own, Audience(settings.public_url, mx_port=settings.mx_port, mail_domain=settings.mail_domain))
    if settings.route == "simulator":
        return Routes(main=played, simulator=played, pace=ONE_PEER)
    clear = settings.tls == "opportunistic"
    if settings.route == "mx":
        internet = MailExchangers(
            DnsResolver(settings.dns),
            helo=settings.mail_domain,
            private_targets=settings.private_targets,
            clear=clear,
        )
        # The DNS knows nothing of the simulator's domains (RFC 6761 §6.2: .test).
        return Routes(main=internet, simulator=played, pace=INTERNET, simulated=frozenset({simulator.DOMAIN, own}))
    relay = Relay.from_route(settings.route, helo=settings.mail_domain, clear=clear)
    return Routes(main=relay, simulator=played, pace=ONE_PEER)
