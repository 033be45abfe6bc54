"""Which way does a message take out of the house? `LIVERY_ROUTE` decides for all; sandboxed mail never leaves it.

Sending addresses (sources) and pools come with the delivery issue; until then there is one source a process.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mail.pacing import Pace
from mail.transports import Transport


@dataclass(frozen=True)
class Routes:
    """The ways out of one process."""

    main: Transport
    """What `LIVERY_ROUTE` names."""
    simulator: Transport
    """The way of sandboxed mail, which ends inside the house."""
    pace: Pace
    """How hard the main way may be pressed."""
    simulated: Sequence[str] = ()
    """Domains that exist only in the simulator, whatever the main way is."""

    def way_out(self, domain: str, *, sandbox: bool) -> Transport:
        """The transport for mail to `domain`."""
        return self.simulator if sandbox or domain in self.simulated else self.main

    async def close(self) -> None:
        """Let go of every connection."""
        await self.main.close()
        if self.simulator is not self.main:
            await self.simulator.close()
