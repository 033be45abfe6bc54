"""What does a reply mean for this recipient? Delivered, Deferred or Bounced, with the cause and whose fault it is.

Three questions are kept apart, because codes mix them up: does this message try again? is this address dead, so that
nothing is sent to it any more? whose fault is it? A 5xx for reputation, policy or content ends the message and never
the address.

The order of evidence: a precise enhanced status first (RFC 3463), the words second, the bare code last. A few words are
so plain that they win over a status that hosts are known to hand out carelessly (a full mailbox under 5.1.1). Pure: no
clock, no database, no settings. The words themselves are in `mail.verdict.rules`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from mail.verdict.causes import Cause, Fault
from mail.verdict.rules import BY_CODE, BY_STATUS, BY_STATUS_CLASS, LOUD, WORDS
from mail.wire import reply as wire_reply
from mail.wire.reply import Reply

__all__ = [
    "Bounced", "Cause", "Deferred", "Delivered", "Explanation", "Fault", "Phase", "Verdict", "explain_line",
    "explain_lines", "judge",
]  # fmt: skip


class Phase(StrEnum):
    """Where in the conversation a reply was given; the same words blame different things in different phases."""

    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    """After the final dot."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next host took responsibility (RFC 5321 §6.1). It does not mean that a person has seen the mail."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now. The message is tried again by `mail.retry` until its life ends."""

    cause: Cause
    fault: Fault
    wait: timedelta | None = None
    """The wait that the host asked for, where it named one."""
    at_once: bool = False
    """Nothing speaks against a new transaction right now: the host only took too many recipients in this one."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """Never. The message ends here for this recipient."""

    cause: Cause
    fault: Fault
    suppress: bool
    """The address is dead: send nothing to it any more."""


Verdict = Delivered | Deferred | Bounced


def judge(reply: Reply, phase: Phase = Phase.RCPT, *, after_accepted: bool = False) -> Verdict:
    """Judge a final reply (2xx, 4xx or 5xx; a 3xx where the dialogue should have ended is a protocol fault).

    `after_accepted`: an earlier RCPT of the same transaction was accepted, so that a bare 452 or 552 means "too many
    recipients" (RFC 5321 §4.5.3.1.10) and the others may follow in a new transaction at once.
    """
    if reply.positive:
        return Delivered()
    cause = cause_of(reply, phase)
    if after_accepted and reply.code in (452, 552) and reply.status is None and cause in (Cause.SYSTEM, Cause.UNKNOWN):
        cause = Cause.TOO_MANY_RECIPIENTS
    if _retries(reply, cause, phase):
        at_once = cause is Cause.TOO_MANY_RECIPIENTS and phase is Phase.RCPT and after_accepted
        return Deferred(cause, cause.fault, wait=stated_wait(reply.text), at_once=at_once)
    # Only what is said about a recipient can kill an address: a 5xx to EHLO or MAIL FROM is about us.
    suppress = cause.dead_address and phase in (Phase.RCPT, Phase.DATA, Phase.CONTENT)
    return Bounced(cause, cause.fault, suppress)


def _retries(reply: Reply, cause: Cause, phase: Phase) -> bool:
    if reply.temporary or not reply.permanent:
        return True
    if phase in (Phase.GREETING, Phase.EHLO, Phase.STARTTLS):
        # The host's doing, not the message's (Postfix skips such hosts too). A host that takes no mail at all says so
        # with 521 or 556 (RFC 7504 §3, §4), and asking again would not change that.
        return cause is not Cause.ACCEPTS_NO_MAIL
    if cause is Cause.TOO_MANY_RECIPIENTS:
        return phase is not Phase.CONTENT  # RFC 5321 §4.5.3.1.10: 552 here means 452
    if 500 <= reply.code <= 504 or 530 <= reply.code <= 535:
        # Usually our fault or a setting of the relay, and mended by people: keep the mail. Unless the words blame the
        # address.
        return not cause.dead_address and cause.fault in (Fault.OURS, Fault.RECEIVER)
    # A 5xx that asks to come back contradicts itself. Believe the words where the trouble is of the passing kind.
    return cause.passing and bool(_COME_BACK.search(reply.text.lower()))


def cause_of(reply: Reply, phase: Phase = Phase.RCPT) -> Cause:
    """Name the cause of a 4xx or 5xx reply."""
    text = plain_words(reply.text)
    for cause, pattern in LOUD:
        if pattern.search(text):
            return cause
    status = (reply.status or "")[1:]
    if status in BY_STATUS:
        return _by_phase(BY_STATUS[status], phase)
    for cause, pattern in WORDS:
        if pattern.search(text):
            return _by_phase(cause, phase)
    for prefix, cause in BY_STATUS_CLASS:
        if status.startswith(prefix):
            return _by_phase(cause, phase)
    return _by_phase(BY_CODE.get(reply.code, Cause.UNKNOWN), phase)


def _by_phase(cause: Cause, phase: Phase) -> Cause:
    # "User unknown" to MAIL FROM is about the sender (RFC 5321 §3.3 lets a host check it).
    return Cause.SENDER_REFUSED if phase is Phase.MAIL and cause.dead_address else cause


_ADDRESS = re.compile(r"<?[^\s<>@,;:\"'()\[\]]{1,64}@[a-z0-9._-]{1,255}>?")
_COME_BACK = re.compile(
    r"try (?:it |your message |the message )?(?:again|later)|retry|temporar|essayer plus tard|re-?send .{0,40}later|later time"
)


def plain_words(text: str) -> str:
    """The words of a reply without the addresses in it: spam-report@shop.test says nothing about spam."""
    return " ".join(_ADDRESS.sub(" ", text[: wire_reply.MAX_TEXT].lower()).split())


_WAIT = re.compile(
    r"\b(?:in|after|for|wait|within|retry|delay|delayed)\W{1,3}(?:another\s|about\s|at least\s|approximately\s)?"
    r"(\d{1,5})\s?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
)
_UNITS = {"s": 1, "m": 60, "h": 3600}
LONGEST_WAIT = timedelta(hours=24)


def stated_wait(text: str) -> timedelta | None:
    """The wait a host asks for ("try again in 5 minutes"), at most LONGEST_WAIT, or None where it names none."""
    match = _WAIT.search(text.lower())
    if not match:
        return None
    wait = timedelta(seconds=int(match[1]) * _UNITS[match[2][0]])
    return min(wait, LONGEST_WAIT) if wait else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reply means, for people and for `livery explain`."""

    recipient: str | None
    """The address the reply names, where it names exactly one."""
    outcome: str
    """"hard" = the address is dead; "soft" = it is not; "delivered"; "unknown" = this is no SMTP reply."""
    reason: str
    """Plain words, a sentence."""
    cause: Cause | None
    status: str | None
    reply: str
    """The text as given, on one line."""

    def as_json(self) -> dict[str, str | None]:
        """The object that `livery explain` prints, one a line."""
        return {
            "recipient": self.recipient, "class": self.outcome, "reason": self.reason,
            "status": self.status, "reply": self.reply,
        }  # fmt: skip


def explain_line(text: str) -> Explanation:
    """Explain a reply quoted by itself, outside a conversation, where it is the last word on a message.

    So a 4xx that says plainly that the mailbox does not exist counts as hard here: no later attempt will follow it.
    """
    quoted = " ".join(text.split())
    named = {match[0].strip("<>") for match in _ADDRESS.finditer(quoted)}
    recipient = named.pop() if len(named) == 1 else None
    try:
        reply = wire_reply.from_text(text)
    except wire_reply.MalformedReply:
        return Explanation(recipient, "unknown", "This is not an SMTP reply.", None, None, quoted)
    verdict = judge(reply)
    if isinstance(verdict, Delivered) and reply.code not in (250, 251, 252):
        # RFC 5321 §4.2.3: 220 greets, 221 parts, 235 lets in; none of them takes a message.
        return Explanation(recipient, "unknown", "This reply says nothing about a message.", None, reply.status, quoted)
    if isinstance(verdict, Delivered):
        return Explanation(recipient, "delivered", "The next host accepted the message.", None, reply.status, quoted)
    outcome = "hard" if verdict.cause.dead_address else "soft"
    return Explanation(recipient, outcome, verdict.cause.words, verdict.cause, reply.status, quoted)


def explain_lines(lines: Iterable[str]) -> Iterator[Explanation]:
    """Explain replies that stand one below the other; the lines of a multi-line reply (RFC 5321 §4.2.1) are one reply."""
    open_reply: list[str] = []
    for line in (line.strip() for line in lines):
        if open_reply and (open_reply[-1][3:4] != "-" or line[:3] != open_reply[0][:3]):
            yield explain_line("\n".join(open_reply))
            open_reply = []
        if line:
            open_reply.append(line)
    if open_reply:
        yield explain_line("\n".join(open_reply))
