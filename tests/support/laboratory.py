"""How do workers deliver by MX without port 25? As `livery workers`, to mail hosts on a port of the test's, in short time.

A port below 1024 belongs to root, and port 25 of a test machine may be taken. Everything else is the platform's: the
settings, the resolver, the transport. `LABORATORY_PORT` names the port of all mail hosts.
"""

import os

from cli.environment import settled
from kit.process import allow_many_files
from kit.resolver import DnsResolver
from kit.settings import Settings
from mail.pacing import INTERNET
from mail.routing import Routes
from mail.transports.exchange import Deadlines
from mail.transports.mx import MailExchangers
from mail.transports.simulator import Simulator
from workers import boot

DNS_SECONDS = 2.0
"""How long a question waits for its answer here."""
SECONDS = 3.0
"""How long every step of a conversation may take here; RFC 5321 asks for minutes."""


def ways_out(settings: Settings) -> Routes:
    """What `mail.routing.open_routes` makes of LIVERY_ROUTE=mx, with another port and less patience."""
    return Routes(
        main=MailExchangers(
            DnsResolver(settings.dns, lifetime=DNS_SECONDS),
            helo=settings.mail_domain,
            private_targets=settings.private_targets,
            clear=settings.tls == "opportunistic",
            port=int(os.environ["LABORATORY_PORT"]),
            deadlines=Deadlines(SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS),
        ),
        simulator=Simulator(),
        pace=INTERNET,
    )


if __name__ == "__main__":
    allow_many_files()
    with settled() as settings:
        boot.serve(settings, ways_out=ways_out)
