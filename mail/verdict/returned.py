"""What does a mail that came back mean? Each recipient it speaks of, with what `mail.verdict` makes of the words about it.

A bounce is the last word on its recipient, like a reply quoted by itself: a 4xx that says plainly that there is no such
mailbox is hard. A delay is never hard: more will follow.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mail.verdict import Cause, cause_of
from mail.wire import headers, prose, returned
from mail.wire import reply as wire_reply
from mail.wire.finding import Finding
from mail.wire.reply import Reply
from mail.wire.returned import Kind

GONE_ON = frozenset({"delivered", "relayed", "expanded", "deliverable"})
"""Actions (RFC 3464 §2.3.3) that tell of success, as far as it can be told."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the mail to one recipient, as a mail that came back tells it."""

    recipient: str | None
    """The address as written there; None where none could be found."""
    outcome: str
    """hard = the address is dead; soft = it is not; complaint, autoreply, delivered or unknown."""
    reason: str
    """Plain words, a sentence."""
    final: bool
    """Nothing more is tried there: it has failed. Of a delay, a delivery and of anything else False."""
    cause: Cause | None = None
    code: int | None = None
    status: str | None = None
    reply: str = ""
    """The words of the remote, on one line."""
    loop: str | None = None
    """Of a complaint, the feedback loop that tells of it; None where it is not named."""

    def as_json(self) -> dict[str, str | None]:
        """The object that `livery explain` prints, one a line."""
        return {
            "recipient": self.recipient, "class": self.outcome, "reason": self.reason,
            "status": self.status, "reply": self.reply,
        }  # fmt: skip


def fates(content: bytes, own: Collection[str] = (), about: str | None = None) -> tuple[Kind, tuple[Fate, ...]]:
    """Read a mail that came back and judge it. `own` and `about`: as `mail.wire.returned.read`. Never fails."""
    read = returned.read(content, own, about)
    match read.kind:
        case Kind.BOUNCE:
            return read.kind, tuple(_bounced(one) for one in read.findings)
        case Kind.COMPLAINT:
            words = "The recipient marked the mail as unwanted."
            return read.kind, tuple(
                Fate(one.recipient, "complaint", words, False, reply=one.words, loop=read.loop) for one in read.findings
            )
        case Kind.AUTOREPLY:
            words = "Somebody's program answered; it says nothing about delivery."
            return read.kind, tuple(_quoted(one, "autoreply", words) for one in read.findings)
    return read.kind, tuple(_quoted(one, "unknown", "This is no report that we can read.") for one in read.findings)


def _quoted(one: Finding, outcome: str, words: str) -> Fate:
    return Fate(one.recipient, outcome, words, False, reply=_one_line(one.words)[:200])


def _one_line(words: str) -> str:
    return " ".join(words.split())[: wire_reply.MAX_TEXT]


def _bounced(one: Finding) -> Fate:
    words = prose.reply(one.words)
    if one.action in GONE_ON or (one.status or "").startswith("2."):
        said = _one_line(one.words)
        return Fate(
            one.recipient, "delivered", "The next host accepted the message.", False, status=one.status, reply=said
        )
    reply = _reply(one, words)
    cause = _cause(one, reply, words)
    shown = Fate(
        one.recipient,
        "hard" if cause.dead_address else "soft",
        cause.words,
        final=one.action != "delayed",
        cause=cause,
        code=reply.code if words is not None else None,
        status=reply.status,
        reply=_one_line(words or one.words),
    )
    if one.action == "delayed":
        return Fate(
            shown.recipient, "soft", f"Not yet: {cause.words}", False, cause, shown.code, shown.status, shown.reply
        )
    if not one.words and reply.status is None:
        return Fate(shown.recipient, "unknown", cause.words, True, cause, reply=shown.reply)
    return shown


_UNKNOWN = re.compile(r"\bunknown\b|\bno such\b", re.IGNORECASE)
_VAGUE = frozenset({Cause.SYSTEM, Cause.UNKNOWN, Cause.PROTOCOL})


def _cause(one: Finding, reply: Reply, quoted: str | None) -> Cause:
    cause = cause_of(reply)
    if quoted is not None and cause in _VAGUE:
        # A local mailer's own words stand before the reply that sums them up: "unknown user: x", "554 Service unavailable".
        before = cause_of(Reply(reply.code, None, _one_line(one.words.partition(quoted)[0])))
        cause = before if before not in (*_VAGUE, Cause.MALFORMED) else cause
    if (
        one.after_data
        and cause is Cause.NO_MAILBOX
        and (reply.status or "")[1:3] != ".1"
        and _UNKNOWN.search(reply.text)
    ):
        # The address had been taken at RCPT. Hosts that call it unknown only after DATA do so for a filter of its owner,
        # unless the status says that they mean the address.
        return Cause.MAILBOX_REFUSES
    return cause


_GENERAL = re.compile(r"[245]\.\d{1,3}\.0")
_REPEATED = re.compile(r"\A([45]\d\d)[ -](?=\1[ -])")
_QUOTES = re.compile(r"(?<=\d\d\d)([ :,-]{1,3})['\"(#]{0,2}(?=[45]\.\d{1,3}\.\d{1,3})")


def _reply(one: Finding, words: str | None) -> Reply:
    """The reply that the words quote, completed by the status beside them; made up from the status where there is none."""
    quoted: Reply | None = None
    if words is not None:
        try:
            quoted = wire_reply.from_text(_QUOTES.sub(" ", _REPEATED.sub("", words))[: wire_reply.MAX_TEXT * 2])
        except wire_reply.MalformedReply:
            quoted = None
    if quoted is None:
        status = one.status if one.status and not _GENERAL.fullmatch(one.status) else prose.status(one.words)
        status = status or one.status
        temporary = (status or "").startswith("4.")
        return Reply(450 if temporary else 550, status, _one_line(one.words))
    if quoted.status is None or (_GENERAL.fullmatch(quoted.status) and not _GENERAL.fullmatch(one.status or "x.0.0")):
        return Reply(quoted.code, one.status or prose.status(quoted.text), quoted.text)
    return quoted


def is_mail(content: bytes) -> bool:
    """Whether bytes begin like a mail (RFC 5322 §2.2), and not like replies that stand one below the other."""
    names = {field.key for field in headers.scan(content[:65536].lstrip(b"\r\n")).fields}
    return content.startswith(b"From ") or not names.isdisjoint(_NAMES)


_NAMES = frozenset({"from", "received", "return-path", "message-id", "date", "subject", "to", "content-type"})


def explain(content: bytes) -> Iterator[Fate]:
    """What the mails of a file mean, recipient by recipient."""
    for mail in returned.mails(content):
        yield from fates(mail)[1]
