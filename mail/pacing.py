"""How hard may one process press on a receiver? Conversations at once, and the part of the desk one site may fill.

A site is what a transport calls one: all domains with the same MX set, or the one relay. The numbers are what large
receivers bear from one address (notes of the field: 5 to 20 connections); limits shared by all processes come with the
next issue's leased site slots.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The limits of one route."""

    lanes_per_site: int
    """Conversations at once with one site."""
    share_of_desk: float
    """Part of a process's claimed mail that may wait for one site; beyond it, no more is claimed for that site."""


INTERNET = Pace(lanes_per_site=5, share_of_desk=0.25)
ONE_PEER = Pace(lanes_per_site=8, share_of_desk=1.0)
"""A relay of the operator's own, or the simulator: everything goes to the same peer."""
