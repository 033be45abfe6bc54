"""How is one message handed to one host? MAIL, RCPT, DATA, content: two round trips, and one outcome for each recipient.

1. MAIL, every RCPT and DATA go out in one write (RFC 2920 §3.1); without PIPELINING the same, one command at a time.
2. Their replies are read in order; each RCPT reply is that recipient's own.
3. The content with its final dot; its reply is for all that were accepted (RFC 5321 §4.1.1.4).
4. RSET where MAIL was accepted and nothing was sent.

A host's failure before its reply to MAIL is the host's (`HostFault`): the caller may try another one. From then on
every recipient gets its outcome here, and only a connection lost after the final dot leaves an uncertain one.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from kit import chaos
from mail.transports import Conversation, Heartbeat, Hop, LeaseLost, Outcome, OutgoingMail, OutgoingRecipient
from mail.transports.stream import Hangup, Script, Stream
from mail.verdict import Bounced, Cause, Deferred, Delivered, Phase, Verdict, judge
from mail.wire import headers
from mail.wire.address import domain_of
from mail.wire.lines import canonical, dot_stuffed, dot_stuffed_pieces
from mail.wire.reply import MalformedReply, Reply

_LARGE = 256 * 1024
"""Octets from which content is finished in a thread."""
_PIECE = 64 * 1024
"""Octets from which content is sent in pieces of this size, and the lease asked about once more before the final dot."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds a host has for each step: RFC 5321 §4.5.3.2's minimums, and caps of our own where it names none."""

    connect: float = 30
    greeting: float = 300
    ehlo: float = 300
    starttls: float = 60
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    chunk: float = 180
    dot: float = 600
    rset: float = 30
    attempt: float = 40 * 60
    """Everything together, over all hosts: one that answers each command at the last moment does not keep us for hours."""


class HostFault(Exception):
    """This host took nothing and said nothing about the message: another one may. Carries what to think of it."""

    def __init__(
        self,
        verdict: Verdict,
        reply: Reply | None,
        conversation: Conversation,
        *,
        tls: Literal["lasting", "passing"] | None = None,
    ) -> None:
        super().__init__(str(reply or verdict))
        self.verdict = verdict
        self.reply = reply
        self.conversation = conversation
        self.tls = tls
        """TLS was the trouble, and the same host may do without: "lasting" where it was about TLS itself, "passing" where the
        host only was silent, hung up or said that it cannot now."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """The end of one transaction."""

    outcomes: tuple[Outcome, ...]
    conversation: Conversation
    usable: bool
    """The session can carry another message."""


class _Lost(Exception):
    """The connection is of no further use in the middle of a transaction; carries what those without an outcome get."""

    def __init__(self, verdict: Verdict, reply: Reply | None = None) -> None:
        self.verdict = verdict
        self.reply = reply


_NETWORK = Deferred(Cause.NETWORK, Cause.NETWORK.fault)
_PROTOCOL = Deferred(Cause.PROTOCOL, Cause.PROTOCOL.fault)


class Exchange:
    """One transaction on an open session. Use once."""

    def __init__(
        self,
        hop: Hop,
        stream: Stream,
        script: Script,
        mail: OutgoingMail,
        heartbeat: Heartbeat,
        deadlines: Deadlines,
        *,
        ends: float,
    ) -> None:
        """`ends` is the moment of the loop's clock at which the attempt is broken off."""
        self._hop = hop
        self._stream = stream
        self._script = script
        self._mail = mail
        self._heartbeat = heartbeat
        self._deadlines = deadlines
        self._ends = ends
        self._outcomes: dict[UUID, Outcome] = {}
        self._dot_sent = False
        self._usable = True

    async def run(self) -> Transaction:
        """Raises HostFault before MAIL is answered, and LeaseLost before the final dot."""
        large = self._mail.size >= _LARGE
        made = await asyncio.to_thread(self._mail.content, self._hop) if large else self._mail.content(self._hop)
        content = canonical(made)  # finished content is; whoever hands over other bytes smuggles nothing either
        wanted = self._sound_recipients()
        needs_utf8 = self._mail.smtputf8 and not _ascii_mail(wanted, content)
        if self._hop.size is not None and len(content) > self._hop.size:
            self._script.aside(f"not sent: {len(content)} octets, and the host takes {self._hop.size}")
            self._settle(wanted, Bounced(Cause.TOO_LARGE, Cause.TOO_LARGE.fault, suppress=False))
        elif needs_utf8 and not self._hop.smtputf8:
            # RFC 6531 §3.5 "5.6.7": nothing may be done to an internationalised address on its way.
            self._script.aside("not sent: the message needs SMTPUTF8, which the host does not offer")
            self._settle(wanted, Bounced(Cause.NEEDS_UTF8, Cause.NEEDS_UTF8.fault, suppress=False))
        elif wanted:
            try:
                async with asyncio.timeout_at(self._ends):
                    await self._converse(wanted, content, needs_utf8)
            except _Lost as lost:
                self._usable = False
                self._settle(wanted, lost.verdict, lost.reply, uncertain=self._dot_sent and lost.reply is None)
            except TimeoutError:
                self._usable = False
                self._script.aside("broken off: the conversation takes too long")
                self._settle(wanted, _NETWORK, uncertain=self._dot_sent)
        outcomes = tuple(self._outcomes[recipient.id] for recipient in self._mail.recipients)
        usable = self._usable and self._stream.quiet
        return Transaction(outcomes, self._script.conversation(), usable)

    def _sound_recipients(self) -> list[OutgoingRecipient]:
        sound = [recipient for recipient in self._mail.recipients if _sound(recipient.address)]
        for recipient in self._mail.recipients:
            if not _sound(recipient.address):
                self._script.aside("not sent: the address has characters that no command may carry")
                verdict = Bounced(Cause.BAD_ADDRESS, Cause.BAD_ADDRESS.fault, suppress=True)
                self._outcomes[recipient.id] = Outcome(recipient.id, verdict, None)
        return sound

    async def _converse(self, wanted: list[OutgoingRecipient], content: bytes, needs_utf8: bool) -> None:
        mail = self._mail_command(content, needs_utf8)
        rcpts = [self._rcpt_command(recipient) for recipient in wanted]
        grouped = self._hop.pipelining
        if grouped:
            self._send([mail, *rcpts, "DATA"])
        reply = await self._mail_reply(None if grouped else mail)
        if not reply.positive:
            self._settle(wanted, _judged(reply, Phase.MAIL), reply)
            if grouped:
                for rcpt in rcpts:
                    await self._reply(None, self._deadlines.rcpt, rcpt)
                await self._unwanted_data(await self._reply(None, self._deadlines.data, "DATA"))
            return
        accepted = await self._recipients(wanted, rcpts, grouped)
        chaos.point("after-rcpt")
        if not accepted and not grouped:
            return await self._reset()
        reply = await self._reply(None if grouped else "DATA", self._deadlines.data, "DATA")
        if not accepted:
            return await self._unwanted_data(reply, reset=True)
        if reply.code != 354:
            self._settle(accepted, _judged(reply, Phase.DATA), reply)
            return await self._reset()
        await self._content(accepted, content)

    async def _mail_reply(self, command: str | None) -> Reply:
        try:
            reply = await self._ask(command, self._deadlines.mail)
        except (Hangup, MalformedReply, TimeoutError) as trouble:
            self._script.aside(_words(trouble, "MAIL"))
            raise HostFault(_NETWORK, None, self._script.conversation()) from None
        if reply.code == 421:  # RFC 5321 §3.8: about the connection, in whatever place it comes
            raise HostFault(judge(reply, Phase.MAIL), reply, self._script.conversation())
        return reply

    async def _recipients(
        self, wanted: list[OutgoingRecipient], rcpts: list[str], grouped: bool
    ) -> list[OutgoingRecipient]:
        accepted: list[OutgoingRecipient] = []
        for recipient, command in zip(wanted, rcpts, strict=True):
            reply = await self._reply(None if grouped else command, self._deadlines.rcpt, "RCPT")
            if reply.positive:
                accepted.append(recipient)
            else:
                verdict = _judged(reply, Phase.RCPT, after_accepted=bool(accepted))
                self._outcomes[recipient.id] = Outcome(recipient.id, verdict, reply)
        return accepted

    async def _content(self, accepted: list[OutgoingRecipient], content: bytes) -> None:
        if not await self._heartbeat():
            raise LeaseLost
        self._script.aside(f"{len(content)} octets of content")
        try:
            if len(content) < _PIECE:
                last = dot_stuffed(content)
            else:
                # Many may send the same content to hosts that read slowly: none of them makes a copy of it. Sending takes
                # a while; the last three octets, which make it count, wait for the lease once more.
                await self._stream.send_all(dot_stuffed_pieces(content, _PIECE), per_chunk=self._deadlines.chunk)
                chaos.point("mid-content-out")
                if not await self._heartbeat():
                    raise LeaseLost
                last = b".\r\n"
            self._dot_sent = True
            self._script.ours(".")
            self._stream.send(last)
            chaos.soon("after-dot-before-reply")
            reply = await self._stream.reply(self._script, within=self._deadlines.dot)
        except (Hangup, TimeoutError, MalformedReply) as trouble:
            early = self._stream.reply_at_hand(self._script)
            self._script.aside(_words(trouble, "the final dot"))
            if early is not None and not early.positive:
                # It said why and hung up before it had all of the message.
                raise _Lost(_judged(early, Phase.CONTENT), early) from None
            raise _Lost(_PROTOCOL if isinstance(trouble, MalformedReply) else _NETWORK) from None
        self._usable = reply.code != 421
        self._settle(accepted, _judged(reply, Phase.CONTENT), reply)

    async def _unwanted_data(self, reply: Reply, *, reset: bool = False) -> None:
        """Nobody was accepted, and DATA was in the same write: where the host wants content now, it gets none."""
        if reply.code == 354:
            # RFC 2920 §3.1: a lone dot; the host answers 554 "no valid recipients".
            self._script.ours(".")
            self._stream.send(b".\r\n")
            await self._reply(None, self._deadlines.data, "the final dot")
        elif reset:
            await self._reset()

    async def _reset(self) -> None:
        try:
            reply = await self._ask("RSET", self._deadlines.rset)
            self._usable = reply.positive
        except (Hangup, MalformedReply, TimeoutError) as trouble:
            self._script.aside(_words(trouble, "RSET"))
            self._usable = False

    async def _reply(self, command: str | None, within: float, about: str) -> Reply:
        """A reply in the middle of the transaction; raises _Lost where there will be none, or 421."""
        try:
            reply = await self._ask(command, within)
        except (Hangup, TimeoutError) as trouble:
            self._script.aside(_words(trouble, about))
            raise _Lost(_NETWORK) from None
        except MalformedReply as nonsense:
            self._script.aside(str(nonsense))
            raise _Lost(_PROTOCOL) from None
        if reply.code == 421:
            raise _Lost(judge(reply, Phase.RCPT), reply)
        return reply

    async def _ask(self, command: str | None, within: float) -> Reply:
        if command is not None:
            self._send([command])
        return await self._stream.reply(self._script, within=within)

    def _send(self, commands: list[str]) -> None:
        for command in commands:
            self._script.ours(command)
        self._stream.send("".join(f"{command}\r\n" for command in commands).encode("utf-8"))

    def _settle(
        self,
        recipients: list[OutgoingRecipient],
        verdict: Verdict,
        reply: Reply | None = None,
        *,
        uncertain: bool = False,
    ) -> None:
        for recipient in recipients:
            if recipient.id not in self._outcomes:
                self._outcomes[recipient.id] = Outcome(recipient.id, verdict, reply, uncertain)

    def _mail_command(self, content: bytes, needs_utf8: bool) -> str:
        words = [f"MAIL FROM:{_path(self._mail.sender)}"]
        if self._hop.takes_size:
            words.append(f"SIZE={len(content)}")  # RFC 1870 §5
        if self._hop.eight_bit and not content.isascii():
            words.append("BODY=8BITMIME")  # RFC 6152 §3
        if needs_utf8:
            words.append("SMTPUTF8")  # RFC 6531 §3.4
        if self._hop.dsn and self._mail.ret in ("FULL", "HDRS"):
            words.append(f"RET={self._mail.ret}")  # RFC 3461 §4.3
        if self._hop.dsn and self._mail.envid and _XTEXT.match(self._mail.envid):
            words.append(f"ENVID={self._mail.envid}")  # RFC 3461 §4.4
        return " ".join(words)

    def _rcpt_command(self, recipient: OutgoingRecipient) -> str:
        words = [f"RCPT TO:{_path(recipient.address)}"]
        if self._hop.dsn and recipient.notify and _NOTIFY.match(recipient.notify):
            words.append(f"NOTIFY={recipient.notify}")  # RFC 3461 §4.1
        if self._hop.dsn and recipient.orcpt and _XTEXT.match(recipient.orcpt):
            words.append(f"ORCPT={recipient.orcpt}")  # RFC 3461 §4.2
        return " ".join(words)


def _judged(reply: Reply, phase: Phase, *, after_accepted: bool = False) -> Verdict:
    verdict = judge(reply, phase, after_accepted=after_accepted)
    if isinstance(verdict, Delivered) and phase is not Phase.CONTENT:
        return _PROTOCOL  # 2xx where 354 belongs
    return verdict


def _words(trouble: Exception, about: str) -> str:
    return f"no answer to {about} in time" if isinstance(trouble, TimeoutError) else str(trouble)


def _ascii_mail(recipients: list[OutgoingRecipient], content: bytes) -> bool:
    """Whether envelope and header need no SMTPUTF8 after all; clients ask for it more often than they need it."""
    head = headers.scan(content)
    return content[: head.end].isascii() and all(r.address.rpartition("@")[0].isascii() for r in recipients)


_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')
_XTEXT = re.compile(r"[!-<>-~]{1,500}\Z")
_NOTIFY = re.compile(r"(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2})\Z")


def _path(address: str) -> str:
    """The address between brackets, its domain as A-labels (RFC 5321 §4.1.2)."""
    local, _, domain = address.rpartition("@")
    return f"<{local}@{domain if domain.isascii() else domain_of(address)}>" if domain else "<>"


def _sound(address: str) -> bool:
    # Accepted addresses are sound; whatever comes, no address may become a command of its own.
    return not _CONTROL.search(address) and not _UNSAFE.search(_QUOTED.sub("", address))
