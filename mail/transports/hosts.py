"""Which host takes the message? Kept connections first, then the targets in order until one answers for the message.

Shared by `relay` and `mx`. Connections are kept by (source, site), a few seconds and a hundred messages each: a
receiver sees few greetings, and a message costs two round trips. A connection that died while it was kept is nobody's
fault: the message goes over a fresh one at once.

A message leaves from its source, and then only to hosts that the source can reach: who is turned away there must not come
by another door. Where it reaches none (a source of IPv4, hosts of IPv6 alone), the default address is better than no mail.
"""

import asyncio
import ipaddress
import ssl
from collections import deque
from collections.abc import Sequence

from mail.transports import Conversation, Delivery, Heartbeat, LeaseLost, Outcome, OutgoingMail, Source
from mail.transports.exchange import Deadlines, HostFault
from mail.transports.smtp import Session, Target, open_session
from mail.verdict import Cause, Deferred, Verdict
from mail.wire.reply import Reply

IDLE = 8.0
"""Seconds a connection is kept without a message."""
MOST_CARRIED = 100
"""Messages over one connection, after which a fresh one is made: the site's shares move on to other hosts."""
MOST_TARGETS = 5
"""Addresses tried in one attempt; RFC 5321 §5.1 asks for at least two."""
NO_TLS = 3 * 24 * 3600.0
"""Seconds for which a host is spoken to in the clear whose TLS itself broke: an alert, no handshake, 5xx to STARTTLS."""
NO_TLS_NOW = 3600.0
"""The same where it may have been a bad hour: silence, a hangup, 454."""

_MOST_REMEMBERED = 10_000

type _Key = tuple[Source | None, str]


def opportunistic() -> ssl.SSLContext:
    """TLS 1.2 or newer with whoever answers: unchecked encryption still beats none (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Hosts:
    """The open connections of one process to other hosts."""

    def __init__(
        self,
        *,
        helo: str,
        deadlines: Deadlines | None = None,
        idle: float = IDLE,
        refuse_own: bool = False,
        clear: bool = True,
    ) -> None:
        """`clear` False: nothing goes unencrypted, whatever a message itself allows."""
        self._helo = helo
        self._clear = clear
        self._deadlines = deadlines or Deadlines()
        self._idle_seconds = idle
        self._refuse_own = refuse_own
        self._tls = opportunistic()
        self._idle: dict[_Key, deque[tuple[Session, asyncio.TimerHandle]]] = {}
        self._no_tls: dict[tuple[str, int], float] = {}
        self._closed = False

    async def deliver(
        self,
        mail: OutgoingMail,
        targets: Sequence[Target],
        *,
        site: str,
        heartbeat: Heartbeat,
    ) -> Delivery:
        """Try kept connections of this source and site, then the targets. Raises LeaseLost."""
        source, targets = leaving(mail.source, targets)
        key = (source, site)
        clear = self._clear and mail.clear
        ends = asyncio.get_running_loop().time() + self._deadlines.attempt
        talks: list[Conversation] = []
        faults: list[HostFault] = []
        while (kept := self._take(key, clear=clear)) is not None:
            try:
                return await self._over(kept, key, mail, heartbeat, talks, ends)
            except HostFault as fault:
                talks.append(fault.conversation)
        for target in targets[:MOST_TARGETS]:
            try:
                session = await self._open(target, source, heartbeat, talks, ends, clear=clear)
                return await self._over(session, key, mail, heartbeat, talks, ends)
            except HostFault as fault:
                talks.append(fault.conversation)
                faults.append(fault)
        verdict, reply = _conclusion(faults)
        outcomes = tuple(Outcome(recipient.id, verdict, reply) for recipient in mail.recipients)
        return Delivery(outcomes, tuple(talks))

    async def close(self) -> None:
        """Say QUIT on every kept connection."""
        self._closed = True
        for kept in self._idle.values():
            for session, timer in kept:
                timer.cancel()
                session.quit()
        self._idle.clear()
        await asyncio.sleep(0)  # lets the transports write what was handed to them

    async def _over(
        self,
        session: Session,
        key: _Key,
        mail: OutgoingMail,
        heartbeat: Heartbeat,
        talks: list[Conversation],
        ends: float,
    ) -> Delivery:
        done = await session.transact(mail, heartbeat, ends=ends)
        if done.usable and session.carried < MOST_CARRIED and not self._closed:
            self._keep(key, session)
        else:
            session.quit()
        return Delivery(done.outcomes, (*talks, done.conversation))

    async def _open(
        self,
        target: Target,
        source: Source | None,
        heartbeat: Heartbeat,
        talks: list[Conversation],
        ends: float,
        *,
        clear: bool,
    ) -> Session:
        """Connect, with TLS where it works; in the clear where it does not and `clear` allows (RFC 7435 §3)."""
        if not await heartbeat():
            raise LeaseLost
        now = asyncio.get_running_loop().time()
        address = (target.ip, target.port)
        in_clear = clear and self._no_tls.get(address, 0.0) > now
        try:
            session = await self._connect(target, source, None if in_clear else self._tls, ends, clear=clear)
        except HostFault as fault:
            if fault.tls is None or not clear:
                raise
            talks.append(fault.conversation)
            if not await heartbeat():
                raise LeaseLost from None
            session = await self._connect(target, source, None, ends, clear=True)
            # Only now is known that it was TLS: a host that is down does not do without it either.
            self._remember_no_tls(address, NO_TLS if fault.tls == "lasting" else NO_TLS_NOW)
        return session

    def _remember_no_tls(self, address: tuple[str, int], seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._no_tls) >= _MOST_REMEMBERED:
            self._no_tls = {known: until for known, until in self._no_tls.items() if until > now}
        if len(self._no_tls) < _MOST_REMEMBERED:
            self._no_tls[address] = now + seconds

    async def _connect(
        self, target: Target, source: Source | None, tls: ssl.SSLContext | None, ends: float, *, clear: bool
    ) -> Session:
        session = await open_session(
            target,
            helo=self._helo,
            tls=tls,
            source=source,
            deadlines=self._deadlines,
            refuse_own=self._refuse_own,
            ends=ends,
        )
        if session.hop.tls is not None:
            self._no_tls.pop((target.ip, target.port), None)  # mended
        elif not clear:
            raise session.unencrypted()
        return session

    def _take(self, key: _Key, *, clear: bool) -> Session | None:
        """A kept connection that may carry the message; those in the clear stay for other messages where it may not."""
        kept = self._idle.get(key)
        passed: list[tuple[Session, asyncio.TimerHandle]] = []
        found: Session | None = None
        while kept and found is None:
            session, timer = kept.pop()
            if not session.quiet:
                timer.cancel()
                session.quit()
            elif session.hop.tls is None and not clear:
                passed.append((session, timer))
            else:
                timer.cancel()
                found = session
        if kept is not None:
            kept.extend(passed)
            if not kept:
                self._idle.pop(key, None)
        return found

    def _keep(self, key: _Key, session: Session) -> None:
        timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._expire, key, session)
        self._idle.setdefault(key, deque()).append((session, timer))

    def _expire(self, key: _Key, session: Session) -> None:
        left = deque(entry for entry in self._idle.get(key, ()) if entry[0] is not session)
        if left:
            self._idle[key] = left
        else:
            self._idle.pop(key, None)
        session.quit()


def leaving(source: Source | None, targets: Sequence[Target]) -> tuple[Source | None, Sequence[Target]]:
    """Where a message leaves from, and which targets it meets from there."""
    if source is None:
        return None, targets
    reached = [target for target in targets if _reaches(source.ip, target.ip)]
    return (source, reached) if reached else (None, targets)


def _reaches(source_ip: str, target_ip: str) -> bool:
    """Whether a connection between these addresses can be thought of at all."""
    source, target = ipaddress.ip_address(source_ip), ipaddress.ip_address(target_ip)
    return source.version == target.version and (target.is_loopback or not source.is_loopback)


def _conclusion(faults: Sequence[HostFault]) -> tuple[Verdict, Reply | None]:
    """What no host taking the message means: as long as one of them might later, it is deferred."""
    for fault in reversed(faults):
        if isinstance(fault.verdict, Deferred):
            return fault.verdict, fault.reply
    if faults:
        return faults[-1].verdict, faults[-1].reply
    return Deferred(Cause.NETWORK, Cause.NETWORK.fault), None
