"""How does one conversation with a client go? Commands in, replies out, in the order and under the limits of RFC 5321.

What is said is in `replies`, how much anybody may do in `limits`, what happens to a message in `handler`. The answers
are ours and not aiosmtpd's, whose loop has no enhanced codes and tells strangers its exceptions.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from kit import addresses, chaos
from kit.errors import LiveryError
from mail.intake import EnvelopeRecipient
from smtpd import limits, login, measures, parameters, replies
from smtpd.connection import Connection
from smtpd.content import Content, examined
from smtpd.handler import Draft, Handler, Peer
from smtpd.login import Gate
from smtpd.replies import Refused
from smtpd.returns import Returns
from smtpd.stream import Ended, Flood, LineTooLong
from smtpd.tls import Certificate
from tenants.scope import Scope

log = structlog.get_logger()

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
# A browser that was talked into connecting here must not get as far as a mail (cross-protocol attacks).
_NO_SMTP = {"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "HOST:", "USER-AGENT:"}


@dataclass
class Door:
    """What all sessions of a process share."""

    domain: str
    handler: Handler
    gate: Gate
    returns: Returns
    certificate: Certificate
    normalise: bool
    strangers: limits.Share = field(default_factory=lambda: limits.Share(limits.PER_ADDRESS))
    members: limits.Share = field(default_factory=lambda: limits.Share(limits.PER_ACCOUNT))
    sessions: set["Session"] = field(default_factory=set)
    held: int = 0
    """Bytes of content that is arriving or being accepted."""
    closing: bool = False
    empty: asyncio.Event = field(default_factory=asyncio.Event)
    """Closing, and the last session has gone."""

    def close(self) -> None:
        """Say goodbye to everybody who is not in the middle of a message; the others get to finish theirs."""
        self.closing = True
        for session in tuple(self.sessions):
            session.dismiss()
        if not self.sessions:
            self.empty.set()

    def left(self, session: "Session") -> None:
        """The session's connection has ended."""
        self.sessions.discard(session)
        if self.closing and not self.sessions:
            self.empty.set()


class Session(Connection):
    """One client and what it says. `returns_port` tells whether strangers may bring returned mail."""

    def __init__(self, door: Door, *, returns_port: bool) -> None:
        super().__init__(door.domain)
        self.door = door
        self.returns_port = returns_port
        self.helo = ""
        self.extended = False
        self.draft: Draft | None = None
        self.scope: Scope | None = None
        self.logged_in = False
        self.login_failures = 0
        self._errors = 0
        self._junk = 0
        self._between_commands = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be counted among the sessions of the process."""
        self.door.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Be counted no more."""
        self.door.left(self)
        super().connection_lost(error)

    def dismiss(self) -> None:
        """The process is going down: end between two commands, now or as soon as the present one is answered."""
        if self._between_commands and not self.stream.more:
            self.cut(replies.CLOSING)

    async def _refuse(self, reply: str) -> None:
        measures.REFUSED.labels(reply[:9]).inc()
        if reply.startswith("421"):
            await self.end(reply)
            return
        await self.push(reply)
        self._errors += 1
        if self._errors >= (limits.ERRORS_END if self.scope is None else limits.MEMBER_ERRORS_END):
            await self.end(replies.ERRORS)
        elif self.scope is None and self._errors > limits.ERRORS_SLOW:
            await self.flush()
            await asyncio.sleep(1)

    # --- the conversation -----------------------------------------------------------------------------------------

    async def converse(self) -> None:
        """Greet the client and do what it says, until one side has had enough."""
        if self.door.closing:
            await self.end(replies.CLOSING)
        elif not self.enter(self.door.strangers, addresses.neighbourhood(self.ip)) and not await self._exempt():
            await self.end(replies.TOO_MANY_CONNECTIONS)
        else:
            await self.push(f"220 {self.hostname} ESMTP")
        while not self.over:
            await self._command()

    async def line(self) -> bytes:
        """Return the next line the client sends, within the time it has for one."""
        self.within(limits.STRANGER_IDLE if self.scope is None else limits.MEMBER_IDLE)
        return await self.stream.line(limits.LINE_OCTETS)

    async def _command(self) -> None:
        """Read one command, do it, answer it."""
        try:
            line = None if self.door.closing else await self._next_line()
            if line is None or self.door.closing:
                await self.end(replies.CLOSING)
            else:
                await self._do(line)
        except LineTooLong:
            await self._refuse(replies.LONG_COMMAND)
        except Refused as refused:
            await self._refuse(refused.reply)
        except LiveryError as error:
            await self._refuse(replies.of_error(error))
        except (Ended, Flood, ConnectionError, ssl.SSLError):
            raise
        except Exception:
            measures.FAULTS.inc()
            log.exception("smtp.command_failed", peer=self.ip)
            await self._refuse(replies.FAULT)

    async def _next_line(self) -> bytes:
        self._between_commands = True
        try:
            return await self.line()
        finally:
            self._between_commands = False

    async def _do(self, line: bytes) -> None:
        verb_bytes, _, rest = line.partition(b" ")
        verb = verb_bytes.decode("ascii", "replace").upper()
        if verb in _NO_SMTP:
            await self.end(replies.FLOOD)
            return
        if len(line) > limits.COMMAND_OCTETS_OF.get(verb, limits.COMMAND_OCTETS):
            raise LineTooLong
        try:
            argument = rest.decode().strip(" ")
        except UnicodeDecodeError:
            raise Refused(replies.NOT_UTF8) from None
        if _CONTROLS.search(argument):
            raise Refused(replies.CONTROLS)
        command = _COMMANDS.get(verb)
        if command is None:
            raise Refused(replies.UNKNOWN)
        if verb in _JUNK:
            self._junk += 1
            if self._junk > (limits.JUNK_END if self.scope is None else limits.MEMBER_JUNK_END):
                await self.end(replies.JUNK)
                return
        await command(self, argument)

    # --- who is there ---------------------------------------------------------------------------------------------

    def admit(self, scope: Scope) -> None:
        """From now on act for `scope` and count for its account. Raises Refused when that has too many sessions."""
        if not self.enter(self.door.members, scope.account_id):
            raise Refused(replies.TOO_MANY_SESSIONS)
        self.scope = scope

    async def _by_network(self) -> bool:
        """Whether the session acts for somebody: who logged in, or whoever owns the network it comes from."""
        if self.scope is None:
            scope = await self.door.gate.by_network(self.ip)
            if scope is not None:
                self.admit(scope)
        return self.scope is not None

    async def _exempt(self) -> bool:
        """Whether the session's network is known, so that it does not count as a stranger's."""
        try:
            return await self._by_network()
        except (LiveryError, Refused):
            return False

    def _protocol(self, smtputf8: bool) -> str:
        # RFC 3848; RFC 6531 §4.3
        if not self.extended:
            return "SMTP"
        word = "UTF8SMTP" if smtputf8 else "ESMTP"
        return word + ("S" if self.secured else "") + ("A" if self.logged_in else "")

    # --- commands -------------------------------------------------------------------------------------------------

    async def smtp_HELO(self, argument: str) -> None:
        """RFC 5321 §4.1.1.1"""
        self._greet(argument, extended=False)
        await self.push(f"250 {self.hostname}")

    async def smtp_EHLO(self, argument: str) -> None:
        """RFC 5321 §4.1.1.1; the keywords are those of the RFCs named in `parameters` and `login`."""
        self._greet(argument, extended=True)
        keywords = ["PIPELINING", f"SIZE {limits.MESSAGE_BYTES}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"]
        if self.secured:
            keywords.append("AUTH " + " ".join(login.MECHANISMS))
        else:
            keywords.append("STARTTLS")
        await self.push(f"250-{self.hostname}")
        for keyword in keywords:
            await self.push(f"250-{keyword}")
        await self.push("250 HELP")

    def _greet(self, name: str, *, extended: bool) -> None:
        if not name or len(name) > 255 or not name.isprintable():
            raise Refused("501 5.5.4 Say your host name after EHLO")
        self.helo = name
        self.extended = extended
        self.draft = None

    async def smtp_STARTTLS(self, argument: str) -> None:
        """RFC 3207; what the client sent behind the command in clear is forgotten, and so is all it said before."""
        if argument:
            raise Refused("501 5.5.4 STARTTLS takes nothing")
        if self.secured:
            raise Refused("503 5.5.1 TLS is on already")
        await self.encrypt("220 2.0.0 Go ahead", self.door.certificate)
        self.helo = ""
        self.draft = None

    async def smtp_AUTH(self, argument: str) -> None:
        """RFC 4954"""
        await login.authenticate(self, argument)

    async def smtp_MAIL(self, argument: str) -> None:
        """RFC 5321 §4.1.1.2; whose message it is, is decided here."""
        if not self.helo:
            raise Refused(replies.HELO_FIRST)
        if self.draft is not None:
            raise Refused("503 5.5.1 One message at a time: DATA or RSET first")
        await login.look_again(self)
        if not await self._by_network() and not self.returns_port:
            raise Refused(replies.LOGIN_FIRST if self.secured else replies.TLS_FIRST)
        address, wishes = parameters.sender(argument)
        if wishes.size is not None and wishes.size > limits.MESSAGE_BYTES:
            raise Refused(replies.too_big(limits.MESSAGE_BYTES))
        self.draft = Draft(address, wishes, self.scope)
        await self.push("250 2.1.0 Sender ok")

    async def smtp_RCPT(self, argument: str) -> None:
        """RFC 5321 §4.1.1.3"""
        if self.draft is None:
            raise Refused("503 5.5.1 Say MAIL first")
        if len(self.draft.recipients) + len(self.draft.returning) >= limits.RECIPIENTS:
            self.draft.overshoot += 1
            reply = f"452 4.5.3 {limits.RECIPIENTS} recipients are enough for one message: send another to the rest"
            if self.draft.overshoot > limits.OVERSHOOT:
                raise Refused(reply)
            await self.push(reply)
            return
        try:
            address, wishes = parameters.recipient(argument, smtputf8=self.draft.parameters.smtputf8)
        except Refused:
            if self.draft.scope is None:
                raise Refused(replies.RELAY_DENIED) from None  # a stranger is told one thing only
            raise
        if self.returns_port and not self.logged_in and self._returning(self.draft, address):
            await self.push("250 2.1.5 Recipient ok")
            return
        if self.draft.scope is None:
            raise Refused(replies.RELAY_DENIED)
        if self.draft.returning:
            raise Refused("452 4.5.3 Returned mail goes alone: send another message to this recipient")
        self.draft.recipients.append(EnvelopeRecipient(address, wishes.notify, wishes.orcpt))
        await self.push("250 2.1.5 Recipient ok")

    def _returning(self, draft: Draft, address: str) -> bool:
        token = None if draft.recipients else self.door.returns.live(address)
        if token is not None and len(draft.returning) >= limits.RETURNING:
            raise Refused(
                f"452 4.5.3 {limits.RETURNING} return paths are enough for one message: send another to the rest"
            )
        if token is not None:
            draft.returning.append(token)
        return token is not None

    async def smtp_DATA(self, argument: str) -> None:
        """RFC 5321 §4.1.1.4: read to the final dot, look at the bytes, hand them over."""
        draft = self.draft
        if draft is None:
            raise Refused("503 5.5.1 Say MAIL first")
        if not draft.has_recipients:
            raise Refused("554 5.5.1 No recipient has been accepted: see what RCPT was told")
        if argument:
            raise Refused("501 5.5.4 DATA takes nothing")
        self.draft = None
        await self.push("354 Go ahead, end with a dot on a line of its own")
        chaos.soon("after-354")
        content = Content(limits.MESSAGE_BYTES)
        try:
            await self._read(content)
            chaos.point("after-dot-before-commit")
            data = examined(content, normalise=self.door.normalise)
            peer = Peer(self.ip, self.helo, self._protocol(draft.parameters.smtputf8))
            reply = await self.door.handler.take(draft, data, peer)
        finally:
            self.door.held -= content.kept
        if not reply.startswith("2"):
            raise Refused(reply)
        self._errors = self._junk = 0
        await self.push(reply)
        await self.flush()
        chaos.soon("after-250-before-ring")

    async def _read(self, content: Content) -> None:
        """Read to the final dot, keeping what there is room for."""
        self.arriving()
        rest = None
        while rest is None:
            before = content.kept
            rest = content.feed(await self.stream.chunk())
            self.door.held += content.kept - before
            if rest is None:
                chaos.point("mid-data")
            if self.door.held > limits.MEMORY_BYTES:
                content.dropped = True
            if content.size > limits.DRAIN_BYTES:
                self.cut(replies.too_big(limits.MESSAGE_BYTES))
                raise Ended
        self.within(limits.MEMBER_IDLE)
        self.stream.unread(rest)

    async def smtp_RSET(self, argument: str) -> None:
        """RFC 5321 §4.1.1.5"""
        if argument:
            raise Refused("501 5.5.4 RSET takes nothing")
        self.draft = None
        await self.push("250 2.0.0 Forgotten")

    async def smtp_NOOP(self, argument: str) -> None:
        """RFC 5321 §4.1.1.9"""
        await self.push("250 2.0.0 Ok")

    async def smtp_HELP(self, argument: str) -> None:
        """RFC 5321 §4.1.1.8: the same for everybody."""
        await self.push("214 2.0.0 Commands: " + " ".join(sorted(_COMMANDS)))

    async def smtp_VRFY(self, argument: str) -> None:
        """RFC 5321 §3.5.3: says nothing about anybody."""
        if not argument:
            raise Refused("501 5.5.4 VRFY takes an address")
        await self.push("252 2.5.0 Not told here: send a message and see")

    async def smtp_EXPN(self, argument: str) -> None:
        """RFC 5321 §3.5.3"""
        raise Refused("502 5.5.1 There are no lists here")

    async def smtp_QUIT(self, argument: str) -> None:
        """RFC 5321 §4.1.1.10"""
        if argument:
            raise Refused("501 5.5.4 QUIT takes nothing")
        await self.end("221 2.0.0 Bye")


_COMMANDS: dict[str, Callable[[Session, str], Awaitable[None]]] = {
    name.removeprefix("smtp_"): getattr(Session, name) for name in vars(Session) if name.startswith("smtp_")
}
# Commands that bring no message nearer. MAIL is one of them: it counts until a message has been accepted.
_JUNK = {"HELO", "EHLO", "MAIL", "RSET", "NOOP", "HELP", "VRFY", "EXPN"}
