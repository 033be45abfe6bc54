"""Which hosts take mail for a domain? RFC 5321 §5.1 by DNS, and then the conversation with them.

1. MX records by preference, equals in random order; a null MX (RFC 7505) refuses all mail.
2. No MX: the domain's own addresses (the implicit MX). No such domain: a permanent failure; a DNS server that cannot
   say is none.
3. At most MOST_TARGETS addresses, every host's first one before any host's second, so that two dead addresses of one
   host never hide another host.
4. Loopback, private and other special addresses, and our own, are refused: whoever controls a DNS zone must not steer
   us into our own network.
"""

import asyncio
import hashlib
import ipaddress
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from random import Random

from kit.resolver import MX, NoSuchName, Resolver, Unanswered
from mail.transports import Delivery, Heartbeat, Outcome, OutgoingMail
from mail.transports.exchange import Deadlines
from mail.transports.hosts import Hosts
from mail.transports.smtp import Target
from mail.transports.stream import Script
from mail.verdict import Bounced, Cause, Deferred, Verdict

_MOST_HOSTS = 10


class _Nowhere(Exception):
    """There is no host to try; carries the verdict and words for the conversation."""

    def __init__(self, verdict: Verdict, words: str) -> None:
        super().__init__(words)
        self.verdict = verdict


def _dead(cause: Cause) -> Bounced:
    return Bounced(cause, cause.fault, suppress=True)


_LATER = Deferred(Cause.DNS, Cause.DNS.fault)


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
    ) -> None:
        self._resolver = resolver
        self._rng = rng or Random()  # noqa: S311  (spreads load; nothing secret)
        self._port = port
        self._private_targets = private_targets
        self._hosts = Hosts(helo=helo, deadlines=deadlines, refuse_own=not private_targets)

    async def site(self, domain: str) -> str:
        """Domains with the same set of MX hosts are one receiver; without MX the domain stands for itself."""
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
            outcomes = tuple(Outcome(recipient.id, nowhere.verdict, None) for recipient in mail.recipients)
            return Delivery(outcomes, (script.conversation(),))
        return await self._hosts.deliver(mail, targets, site=await self.site(mail.domain), heartbeat=heartbeat)

    async def close(self) -> None:
        """Say QUIT on kept connections."""
        await self._hosts.close()

    async def _targets(self, domain: str) -> list[Target]:
        if domain.startswith("["):
            return self._allowed([Target(domain, domain[1:-1].removeprefix("IPv6:"), self._port)])
        hosts = await self._mail_hosts(domain)
        answers = await asyncio.gather(*(self._addresses(host) for host in hosts), return_exceptions=True)
        by_host: list[list[Target]] = []
        unanswered = False
        for host, found in zip(hosts, answers, strict=True):
            if isinstance(found, Unanswered):
                unanswered = True
            elif isinstance(found, NoSuchName):
                continue
            elif isinstance(found, BaseException):
                raise found
            else:
                by_host.append([Target(host, ip, self._port) for ip in found])
        found_any = [targets for targets in by_host if targets]
        if not found_any:
            if unanswered:
                raise _Nowhere(_LATER, f"DNS gave no answer for the mail hosts of {domain}")
            if hosts == [domain]:
                raise _Nowhere(_dead(Cause.NO_DOMAIN), f"{domain} has neither MX nor address records")
            # The MX records point to names that are not there: the owner's mistake, which people mend.
            raise _Nowhere(_LATER, f"none of the mail hosts of {domain} has an address: {', '.join(hosts)}")
        # Each host's first address, then each one's second …: sorted is stable, so preference stays within a turn.
        turns = [(turn, target) for targets in found_any for turn, target in enumerate(targets)]
        return self._allowed([target for _, target in sorted(turns, key=lambda pair: pair[0])])

    async def _mail_hosts(self, domain: str) -> list[str]:
        try:
            records = await self._resolver.mx(domain)
        except NoSuchName:
            raise _Nowhere(_dead(Cause.NO_DOMAIN), f"the domain {domain} does not exist") from None
        except Unanswered as silence:
            raise _Nowhere(_LATER, f"DNS gave no answer for {domain}: {silence}") from None
        if not records:
            return [domain]  # RFC 5321 §5.1: the implicit MX
        if all(not mx.host for mx in records):
            raise _Nowhere(_dead(Cause.ACCEPTS_NO_MAIL), f"{domain} accepts no mail (null MX)")  # RFC 7505 §3
        return self._ordered([mx for mx in records if mx.host])[:_MOST_HOSTS]

    def _ordered(self, records: Sequence[MX]) -> list[str]:
        hosts: list[str] = []
        for _, equals in groupby(sorted(records, key=attrgetter("preference")), key=attrgetter("preference")):
            group = [mx.host for mx in equals]
            self._rng.shuffle(group)  # RFC 5321 §5.1: "randomize them to spread the load"
            hosts += group
        return list(dict.fromkeys(hosts))

    async def _addresses(self, host: str) -> list[str]:
        """IPv4 before IPv6: large receivers ask more of IPv6 senders. Raises NoSuchName, or Unanswered where both fail."""
        four, six = await asyncio.gather(self._resolver.a(host), self._resolver.aaaa(host), return_exceptions=True)
        found: list[str] = []
        for answer in (four, six):
            if isinstance(answer, BaseException) and not isinstance(answer, NoSuchName | Unanswered):
                raise answer
            if not isinstance(answer, BaseException):
                found += answer
        if not found:
            for answer in (four, six):
                if isinstance(answer, BaseException):
                    raise answer
        return found

    def _allowed(self, targets: list[Target]) -> list[Target]:
        if self._private_targets:
            return targets
        allowed = [target for target in targets if is_public(target.ip)]
        if targets and not allowed:
            where = ", ".join(sorted({target.ip for target in targets}))
            raise _Nowhere(
                Bounced(Cause.NO_DOMAIN, Cause.NO_DOMAIN.fault, suppress=False),
                f"the mail host's address is not on the public internet: {where}",
            )
        return allowed


def is_public(ip: str) -> bool:
    """Whether an address is one that mail for strangers may be sent to: global unicast, also behind a v4-mapped prefix."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        # 64:ff9b::/96 (RFC 6052) leads to any IPv4 address a translator likes.
        if address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast
