"""How hard may one process press on receivers? Conversations at once, and how much claimed mail may wait for one domain.

A site is what a transport calls one: all domains with the same MX set, or the one relay. The numbers are what large
receivers bear from one address (5 to 20 connections). Limits that all processes share, leased in PostgreSQL, come with the
delivery issue.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of one route."""

    lanes_per_site: int
    """Conversations at once with one site."""
    desk: int
    """Recipients that one process claims ahead."""
    share: float | None
    """Part of the desk's free places that one domain may come to hold; None: everything goes to the same peer anyway."""

    def allowance(self, free: int) -> int | None:
        """How many recipients of one domain may be claimed while `free` places are left; None: any number.

        It shrinks as the desk fills, so that many receivers that hang leave room for those that do not.
        """
        return None if self.share is None else max(2 * self.lanes_per_site, int(free * self.share))


INTERNET = Pace(lanes_per_site=5, desk=1000, share=0.1)
ONE_PEER = Pace(lanes_per_site=8, desk=400, share=None)
"""A relay of the operator's own, or the simulator."""
