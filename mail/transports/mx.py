"""Which hosts take mail for a domain? RFC 5321 §5.1 by DNS, and then the conversation with them.

1. MX records by preference, equals in random order; a null MX (RFC 7505) refuses all mail.
2. No MX: the domain's own addresses (the implicit MX). No such domain: a permanent failure; a DNS server that cannot
   say is none. An alias (CNAME) is followed, for the domain as for a host.
3. At most MOST_TARGETS addresses, of equal hosts every one's first before any one's second, so that two dead addresses
   of one host never hide another; and the last place is the next preference's, however many hosts the best one has.
4. Loopback, private and other special addresses, and our own, are refused: whoever controls a DNS zone must not steer
   us into our own network. The address that was judged is the one that is dialled.
"""

import asyncio
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from random import Random

from kit.resolver import MX, NoSuchName, Resolver, Unanswered
from mail.transports import Delivery, Heartbeat, Outcome, OutgoingMail
from mail.transports.exchange import Deadlines
from mail.transports.hosts import MOST_TARGETS, Hosts
from mail.transports.smtp import Target
from mail.transports.stream import Script
from mail.verdict import Bounced, Cause, Deferred, Verdict

_MOST_HOSTS = 10
"""Hosts whose addresses are looked up in one attempt; a retry draws others of the same preference."""


class _Nowhere(Exception):
    """There is no host to try; carries the verdict, its RFC 3463 status, and words for the conversation."""

    def __init__(self, verdict: Verdict, status: str, words: str) -> None:
        super().__init__(words)
        self.verdict = verdict
        self.status = status


def _never(cause: Cause, status: str, words: str, *, suppress: bool = True) -> _Nowhere:
    return _Nowhere(Bounced(cause, cause.fault, suppress), status, words)


def _later(words: str) -> _Nowhere:
    return _Nowhere(Deferred(Cause.DNS, Cause.DNS.fault), "4.4.3", words)  # RFC 3463 §3.5: directory server failure


@dataclass(frozen=True, slots=True)
class _Host:
    name: str
    preference: int


class MailExchangers:
    """Delivery over the internet."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        helo: str,
        rng: Random | None = None,
        port: int = 25,
        private_targets: bool = False,
        deadlines: Deadlines | None = None,
        clear: bool = True,
    ) -> None:
        """`clear` False: nothing goes unencrypted."""
        self._resolver = resolver
        self._rng = rng or Random()  # noqa: S311  (spreads load; nothing secret)
        self._port = port
        self._private_targets = private_targets
        self._hosts = Hosts(helo=helo, deadlines=deadlines, refuse_own=not private_targets, clear=clear)

    async def site(self, domain: str) -> str:
        """Domains with the same set of MX hosts are one receiver; without MX the domain stands for itself."""
        if domain.startswith("["):
            return domain
        try:
            found = await self._resolver.mx(domain)
        except (NoSuchName, Unanswered):
            return domain
        names = ",".join(sorted({mx.host for mx in found if mx.host}))
        if len(names) > 200:
            names = f"{names[:150]}#{hashlib.sha256(names.encode()).hexdigest()[:16]}"
        return names or domain

    async def deliver(self, mail: OutgoingMail, *, heartbeat: Heartbeat) -> Delivery:
        """Look up and try the domain's hosts."""
        try:
            targets = await self._targets(mail.domain)
        except _Nowhere as nowhere:
            script = Script(mail.domain, "")
            script.aside(str(nowhere))
            outcomes = tuple(
                Outcome(recipient.id, nowhere.verdict, None, status=nowhere.status) for recipient in mail.recipients
            )
            return Delivery(outcomes, (script.conversation(),))
        return await self._hosts.deliver(mail, targets, site=await self.site(mail.domain), heartbeat=heartbeat)

    async def close(self) -> None:
        """Say QUIT on kept connections."""
        await self._hosts.close()

    async def _targets(self, domain: str) -> list[Target]:
        """The addresses to try, best first; at least one. Raises _Nowhere."""
        if domain.startswith("["):  # RFC 5321 §4.1.3
            ip = _normal(domain[1:-1].lower().removeprefix("ipv6:"))
            if ip is None:
                raise _never(Cause.NO_DOMAIN, "5.1.2", f"{domain} is no address")
            return self._allowed([Target(domain, ip, self._port)], sure=True)
        records = await self._records(domain)
        hosts = _some(self._ordered(records), _MOST_HOSTS) if records else [_Host(domain, 0)]
        answers = await asyncio.gather(*(self._addresses(host.name) for host in hosts), return_exceptions=True)
        found: list[tuple[_Host, list[str]]] = []
        sure = True
        for host, answer in zip(hosts, answers, strict=True):
            if isinstance(answer, Unanswered):
                sure = False
            elif isinstance(answer, NoSuchName):
                continue
            elif isinstance(answer, BaseException):
                raise answer
            elif answer:
                found.append((host, answer))
        if not found:
            raise _without_address(domain, hosts if records else [], sure)
        return _some(self._allowed(self._in_turn(found), sure=sure), MOST_TARGETS)

    async def _records(self, domain: str) -> list[MX]:
        """The MX records that name a host; none where the domain has no MX at all (RFC 5321 §5.1: the implicit MX)."""
        try:
            records = await self._resolver.mx(domain)
        except NoSuchName:
            raise _never(Cause.NO_DOMAIN, "5.1.2", f"the domain {domain} does not exist") from None
        except Unanswered as silence:
            raise _later(f"DNS gave no answer for {domain}: {silence}") from None
        if records and all(not mx.host for mx in records):
            # RFC 7505 §3. A null MX beside others is a mistake, and the others count.
            raise _never(Cause.ACCEPTS_NO_MAIL, "5.1.10", f"{domain} accepts no mail (null MX)")
        return [mx for mx in records if mx.host]

    def _ordered(self, records: Sequence[MX]) -> list[_Host]:
        hosts: dict[str, _Host] = {}
        for preference, equals in groupby(sorted(records), key=attrgetter("preference")):
            group = [mx.host for mx in equals]
            self._rng.shuffle(group)  # RFC 5321 §5.1: "randomize them to spread the load"
            for name in group:
                hosts.setdefault(name, _Host(name, preference))
        return list(hosts.values())

    def _in_turn(self, found: Sequence[tuple[_Host, list[str]]]) -> list[Target]:
        """Preference by preference; of equals each host's first address, then each one's second …"""
        targets: list[Target] = []
        for _, equals in groupby(found, key=lambda pair: pair[0].preference):
            turns = [(turn, host, ip) for host, ips in equals for turn, ip in enumerate(ips)]
            # sorted is stable, so the order of hosts stays within a turn
            targets += [
                Target(host.name, ip, self._port, host.preference) for _, host, ip in sorted(turns, key=itemgetter(0))
            ]
        return targets

    async def _addresses(self, host: str) -> list[str]:
        """IPv4 before IPv6: large receivers ask more of IPv6 senders. Raises NoSuchName, or Unanswered where both fail."""
        if _normal(host) is not None:
            return []  # RFC 5321 §5.1: an MX names a host; an address in its place is no name that could be looked up
        four, six = await asyncio.gather(self._resolver.a(host), self._resolver.aaaa(host), return_exceptions=True)
        found: list[str] = []
        for answer in (four, six):
            if isinstance(answer, BaseException) and not isinstance(answer, NoSuchName | Unanswered):
                raise answer
            if not isinstance(answer, BaseException):
                found += [ip for ip in map(_normal, answer) if ip is not None]
        if not found:
            for answer in (four, six):
                if isinstance(answer, BaseException):
                    raise answer
        return found

    def _allowed(self, targets: list[Target], *, sure: bool) -> list[Target]:
        """Without addresses that are nobody's business of ours. `sure`: DNS answered for every host."""
        if self._private_targets:
            return targets
        allowed = [target for target in targets if is_public(target.ip)]
        if not allowed:
            where = ", ".join(sorted({target.ip for target in targets}))
            words = f"the mail host's address is not on the public internet: {where}"
            if not sure:
                raise _later(words)
            raise _never(Cause.NO_DOMAIN, "5.4.4", words, suppress=False)  # RFC 3463 §3.5: unable to route
        return allowed


def _some[Ranked: (_Host, Target)](ranked: list[Ranked], most: int) -> list[Ranked]:
    """The first `most`; where they are all of one preference, the last place goes to the next preference's first."""
    chosen = ranked[:most]
    if len(ranked) > most and chosen[0].preference == chosen[-1].preference:
        chosen[-1] = next((one for one in ranked[most:] if one.preference > chosen[-1].preference), chosen[-1])
    return chosen


def _without_address(domain: str, hosts: Sequence[_Host], sure: bool) -> _Nowhere:
    if not sure:
        return _later(f"DNS gave no answer for the mail hosts of {domain}")
    if not hosts:
        return _never(Cause.NO_DOMAIN, "5.1.2", f"{domain} has neither MX nor address records")
    # The MX records point to names that are not there: the owner's mistake, which people mend.
    return _later(f"none of the mail hosts of {domain} has an address: {', '.join(host.name for host in hosts)}")


def _normal(ip: str) -> str | None:
    """The one way to write an address (RFC 5952), so that equal ones are equal; None for what is none."""
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        return None


_UNICAST = ipaddress.ip_network("2000::/3")
# What the registries of special addresses have and `is_global` does not know: RFC 7526, RFC 9637.
_SPECIAL = (ipaddress.ip_network("192.88.99.0/24"), ipaddress.ip_network("3fff::/20"))
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))  # 6to4, Teredo: they end at any IPv4
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def is_public(ip: str) -> bool:
    """Whether mail for strangers may be sent to an address: global unicast, never behind a tunnel.

    Stricter than `is_global`, which lets site-local, IPv4-compatible and tunnelled addresses pass. An IPv4 address that a
    NAT64 translator wraps (RFC 6052) is judged as itself.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.scope_id or address not in _UNICAST or any(address in tunnel for tunnel in _TUNNELS):
            return False
    return address.is_global and not address.is_multicast and not any(address in special for special in _SPECIAL)
