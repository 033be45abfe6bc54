"""What is said to one host? An SMTP session of our own: two round trips a message, one outcome a recipient, kept for the next.

Here a session begins: connect, greeting, EHLO (HELO where a host is from 1982), STARTTLS where offered, EHLO again (RFC
5321 §3.1, §3.2; RFC 3207). What follows for each message is in `mail.transports.exchange`; the connection then stays
open for the next one. docs/decisions/0003 says why this is not a library.
"""

import asyncio
import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from typing import Literal

from mail.transports import Heartbeat, Hop, OutgoingMail, Source
from mail.transports.exchange import Deadlines, Exchange, HostFault, Transaction
from mail.transports.stream import Hangup, Injection, Script, Stream, is_about_tls
from mail.verdict import Cause, Deferred, Phase, judge
from mail.wire.reply import MalformedReply, Reply

type _Tls = Literal["lasting", "passing"]

_LONGEST_NAME = 253
# RFC 1123 §2.1, and the underscore that real zones have too.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\Z")


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one host."""

    host: str
    ip: str
    """An IPv4 or IPv6 address; `ipaddress` reads it."""
    port: int
    preference: int = 0
    """Its MX record's; lower is met first."""


@dataclass(slots=True)
class Session:
    """One open connection after EHLO."""

    target: Target
    hop: Hop
    carried: int = 0
    """Transactions so far."""
    _stream: Stream = field(default_factory=Stream)
    _script: Script | None = None
    _deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def quiet(self) -> bool:
        """Open and in step."""
        return self._stream.quiet

    def unencrypted(self) -> HostFault:
        """End it before the first message, which may not go in the clear; gives the fault to raise."""
        script = self._script or Script(self.target.host, self.target.ip)
        script.aside("not sent: the host offers no TLS, and this message may not go in the clear")
        self.quit()
        return HostFault(Deferred(Cause.TLS, Cause.TLS.fault), None, script.conversation())

    def quit(self) -> None:
        """Say goodbye and close without waiting for an answer (as Postfix does)."""
        if self._stream.quiet:
            self._stream.send(b"QUIT\r\n")
        self._stream.close()

    async def transact(self, mail: OutgoingMail, heartbeat: Heartbeat, *, ends: float) -> Transaction:
        """Send one message. Raises HostFault where the host is lost before it answered MAIL, and LeaseLost.

        At `ends`, a moment of the loop's clock, whatever is not finished is broken off and deferred.
        """
        script = self._script
        self._script = None
        if script is None:
            script = Script(self.target.host, self.target.ip)
            script.tls = self.hop.tls
            script.aside("over the connection of the message before")
        try:
            exchange = Exchange(self.hop, self._stream, script, mail, heartbeat, self._deadlines, ends=ends)
            done = await exchange.run()
        except BaseException:
            self._stream.abort()
            raise
        self.carried += 1
        return done


async def open_session(
    target: Target,
    *,
    helo: str,
    tls: ssl.SSLContext | None,
    source: Source | None = None,
    deadlines: Deadlines | None = None,
    refuse_own: bool = False,
    ends: float,
) -> Session:
    """Connect and greet, with STARTTLS where `tls` is given and the host offers it. Raises HostFault.

    `helo` is our own name; a `source` has its own, and is what the connection leaves from.
    `refuse_own`: do not talk to an address of this machine, nor to a host that greets with our own name; mail that comes
    back to us would go round for ever. `ends`: a moment of the loop's clock at which the attempt is broken off.
    """
    deadlines = deadlines or Deadlines()
    script = Script(target.host, target.ip)
    stream = Stream()
    try:
        async with asyncio.timeout_at(ends):
            return await _greet(target, helo, tls, source, deadlines, refuse_own, script, stream)
    except TimeoutError:
        stream.abort()
        script.aside("broken off: the conversation takes too long")
        raise HostFault(Deferred(Cause.NETWORK, Cause.NETWORK.fault), None, script.conversation()) from None
    except BaseException:
        stream.abort()
        raise


async def _greet(
    target: Target,
    helo: str,
    tls: ssl.SSLContext | None,
    source: Source | None,
    deadlines: Deadlines,
    refuse_own: bool,
    script: Script,
    stream: Stream,
) -> Session:
    step = "connecting"
    trouble_is_tls = False
    name = source.hostname if source else helo
    if source:
        script.aside(f"from {source.ip}")
    try:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(deadlines.connect):
            await loop.create_connection(
                lambda: stream, target.ip, target.port, local_addr=(source.ip, 0) if source else None
            )
        if refuse_own and stream.local_ip == ipaddress.ip_address(target.ip):
            script.aside("the address is our own")
            raise HostFault(Deferred(Cause.LOOP, Cause.LOOP.fault), None, script.conversation())
        step = "the greeting"
        greeting = await stream.reply(script, within=deadlines.greeting)
        if not greeting.positive:
            raise HostFault(judge(greeting, Phase.GREETING), greeting, script.conversation())
        if refuse_own and greeting.text.partition(" ")[0].lower() in {helo.lower(), name.lower()}:
            # RFC 5321 §4.2: a greeting begins with the host's name. Ours, so we are behind a translated address.
            script.aside("the host has our own name")
            raise HostFault(Deferred(Cause.LOOP, Cause.LOOP.fault), None, script.conversation())
        step = "EHLO"
        offered = await _ehlo(stream, script, name, deadlines)
        if tls is not None and "STARTTLS" in offered:
            step, trouble_is_tls = "STARTTLS", True
            await _starttls(stream, script, target, tls, deadlines)
            # With TLS 1.3 a host's objection to the handshake comes after it, so a hangup here still is about TLS.
            step = "EHLO after STARTTLS"
            # RFC 3207 §4.2: what was offered in the clear is forgotten.
            offered = await _ehlo(stream, script, name, deadlines)
    except HostFault as refusal:
        if trouble_is_tls and refusal.tls is None:  # RFC 3207 §4.2: it may think less of us now that it knows more
            refusal.tls = "passing"
        raise
    except TimeoutError:
        script.aside(f"no answer in time: {step}")
        raise _trouble(Cause.NETWORK, script, "passing" if trouble_is_tls else None) from None
    except MalformedReply as nonsense:
        script.aside(str(nonsense))
        raise _trouble(Cause.PROTOCOL, script, "lasting" if trouble_is_tls else None) from None
    except (OSError, Hangup, Injection) as trouble:
        script.aside(f"{step}: {_words(trouble)}")
        itself = trouble.tls if isinstance(trouble, Hangup) else isinstance(trouble, Injection) or is_about_tls(trouble)
        lasts: _Tls = "lasting" if itself else "passing"
        raise _trouble(Cause.NETWORK, script, lasts if trouble_is_tls else None) from None
    return Session(target, _hop(target, script.tls, offered), _stream=stream, _script=script, _deadlines=deadlines)


def _trouble(cause: Cause, script: Script, tls: _Tls | None) -> HostFault:
    """The fault where no reply says what is wrong; `cause` where it was not TLS."""
    cause = Cause.TLS if tls else cause
    return HostFault(Deferred(cause, cause.fault), None, script.conversation(), tls=tls)


def _words(trouble: Exception) -> str:
    if isinstance(trouble, OSError) and trouble.strerror:
        return trouble.strerror
    return str(trouble) or type(trouble).__name__


async def _ehlo(stream: Stream, script: Script, helo: str, deadlines: Deadlines) -> dict[str, str]:
    """The extensions offered, upper-case keyword to parameters (RFC 5321 §4.1.1.1)."""
    script.ours(f"EHLO {helo}")
    stream.send(f"EHLO {helo}\r\n".encode("ascii"))
    reply, lines = await _reply_lines(stream, script, deadlines.ehlo)
    if reply.positive:
        pairs = (line.strip().partition(" ") for line in lines[1:])
        return {keyword.upper(): parameters.strip() for keyword, _, parameters in pairs}
    if reply.code == 421 or reply.temporary:
        raise HostFault(judge(reply, Phase.EHLO), reply, script.conversation())
    script.ours(f"HELO {helo}")  # RFC 5321 §3.2: a host that does not know EHLO
    stream.send(f"HELO {helo}\r\n".encode("ascii"))
    reply = await stream.reply(script, within=deadlines.ehlo)
    if not reply.positive:
        raise HostFault(judge(reply, Phase.EHLO), reply, script.conversation())
    return {}


async def _reply_lines(stream: Stream, script: Script, within: float) -> tuple[Reply, list[str]]:
    # The keywords stand one a line, which Reply.text has joined.
    raw = _Lines(script)
    reply = await stream.reply(raw, within=within)
    return reply, [line[4:] for line in raw.seen]


class _Lines(Script):
    """Passes a reply on to the script and keeps its lines whole."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.seen: list[str] = []

    def theirs(self, line: str) -> None:
        self.seen.append(line)
        self._script.theirs(line)


async def _starttls(stream: Stream, script: Script, target: Target, tls: ssl.SSLContext, deadlines: Deadlines) -> None:
    script.ours("STARTTLS")
    stream.send(b"STARTTLS\r\n")
    reply = await stream.reply(script, within=deadlines.starttls)
    if not reply.positive:
        verdict = Deferred(Cause.TLS, Cause.TLS.fault)
        # RFC 3207 §4: 454 is "TLS not available due to temporary reason".
        lasts: _Tls = "passing" if reply.temporary else "lasting"
        raise HostFault(verdict, reply, script.conversation(), tls=lasts)
    script.tls = await stream.start_tls(tls, _server_name(target.host), within=deadlines.starttls)
    script.aside(script.tls)


def _server_name(host: str) -> str | None:
    """The name for SNI; None for a literal address (RFC 6066 §3), and for what a zone may name a host and no host may be."""
    name = host.removesuffix(".")
    if len(name) > _LONGEST_NAME or not _NAME.match(name):
        return None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name
    return None


def _hop(target: Target, tls: str | None, offered: dict[str, str]) -> Hop:
    size = offered.get("SIZE", "")
    return Hop(
        host=target.host,
        ip=target.ip,
        tls=tls,
        eight_bit="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered,
        # RFC 1870 §4: 0 and nothing mean that there is no fixed limit.
        size=int(size) or None if size.isascii() and size.isdigit() and len(size) < 20 else None,
        takes_size="SIZE" in offered,
        dsn="DSN" in offered,
        pipelining="PIPELINING" in offered,
    )
