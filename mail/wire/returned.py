"""What came back, and about whom? A bounce, a complaint, somebody's absence, or a mail that says nothing we know.

The surest reader speaks first: a feedback report (`arf`), a delivery status (`status`), a notification in JSON, then
sentences (`prose`). Whether it is an automatic reply is asked before sentences are read, because people away from
their desks write much the same words as mail systems in trouble (RFC 3834).
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from mail.wire import arf, parts, prose, status
from mail.wire.finding import Finding, address, addresses
from mail.wire.headers import Field, Head
from mail.wire.parts import Parts


class Kind(StrEnum):
    """What a returned mail is."""

    BOUNCE = "bounce"  # mail systems tell what became of the mail, for good or for now
    COMPLAINT = "complaint"
    AUTOREPLY = "autoreply"  # nobody has judged anything: absence, receipt, acknowledgement
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Returned:
    """A returned mail, read."""

    kind: Kind
    findings: tuple[Finding, ...]
    """One a recipient; at least one, if only of nobody."""
    feedback: str | None = None
    """Of a complaint, its type: abuse, opt-out …"""
    loop: str | None = None
    """Of a complaint, who tells of it (`arf.loop`); "http" where a provider posted it and named nobody."""


def read(content: bytes, own: Collection[str] = (), about: str | None = None) -> Returned:
    """Read what came back. Never fails, whatever comes.

    `own`: addresses that are the sender's. `about`: whom the mail was for, where its return path says so; who is no mail
    system by its name is then believed about that address alone, for people tell of failed mail too, and quote it.
    """
    mail = parts.read(content)
    feedback = arf.kind(mail)
    if feedback is not None and feedback not in arf.NO_COMPLAINT:
        people: list[str | None] = [*arf.recipients(mail)] or [None]
        found = tuple(Finding(one, words=feedback) for one in people)
        return Returned(Kind.COMPLAINT, found, feedback, arf.loop(mail))
    if feedback is not None:
        return Returned(Kind.UNKNOWN, (Finding(None, words=feedback),))
    if mail.receipt:
        return Returned(Kind.AUTOREPLY, (_of_author(mail),))
    told = _notified(mail)
    if told is not None:
        return told
    mine = {one.lower() for one in own} | _addressees(mail)
    stated = _stated(mail)
    if stated and (mail.status or about is None or _is_system(mail) or any(_is(one, about) for one in stated)):
        return Returned(Kind.BOUNCE, tuple(_completed(stated, mail, mine)))
    if _automatic(mail):
        return Returned(Kind.AUTOREPLY, (_of_author(mail),))
    return _in_sentences(mail, mine, about)


def _stated(mail: Parts) -> list[Finding]:
    """What a delivery status says, in its own part or put among the words."""
    found = [one for text in mail.status for one in status.findings(text)]
    for words in () if found else mail.words:
        if re.search(r"^>? ?(?:final|original)-recipient\s*:", words, re.IGNORECASE | re.MULTILINE):
            found += status.findings(_unquoted(words))
    return found


def _own_words(words: str) -> str:
    """What its author wrote, without the lines quoted from elsewhere."""
    return re.sub(r"^[ \t]*>.*\n?", "", words, flags=re.MULTILINE)


def _unquoted(words: str) -> str:
    return re.sub(r"^> ?", "", words, flags=re.MULTILINE)


def _completed(stated: list[Finding], mail: Parts, own: Collection[str]) -> list[Finding]:
    """What lacks an address or a diagnosis is completed from the words beside it."""
    if len(stated) == 1 and stated[0].recipient is None:
        named = [one.recipient for text in mail.words for one in prose.findings(text, own=own)]
        stated = [replace(stated[0], recipient=next(iter([*named, *_sent_to(mail)]), None))]
    people = [one.recipient for one in stated if one.recipient is not None]
    said: dict[str | None, list[Finding]] = {}
    for text in mail.words if people else ():
        for spoken in prose.findings(text, failed=people):
            said.setdefault(spoken.recipient, []).append(spoken)
    whole = []
    for one in stated:
        beside = said.get(one.recipient, [])
        words = one.words
        if prose.reply(words) is None:
            replies = [spoken.words for spoken in beside if prose.reply(spoken.words) is not None]
            words = next(iter(replies), "") or words or max((spoken.words for spoken in beside), key=len, default="")
        whole.append(replace(one, words=words, after_data=any(spoken.after_data for spoken in beside)))
    return whole


# -- notifications in JSON, as providers mail or post them


def _notified(mail: Parts) -> Returned | None:
    """A bounce, complaint or delivery told in JSON (Amazon SES and those who took its form over)."""
    for words in mail.words:
        start = words.find("{", 0, 200)
        if start < 0 or not _TELLS.search(words[:TOLD]):
            continue
        try:
            told, _ = json.JSONDecoder().raw_decode(words[start:])
            if "Message" in told:
                told = json.loads(told["Message"])
            return _told(told, arf.loop(mail) if mail.head.fields else "http")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return None


TOLD = 4_096
_TELLS = re.compile(r"\b(?:notificationType|eventType)\b")


def _told(told: dict[str, object], author: str | None) -> Returned | None:
    what = str(told.get("notificationType") or told.get("eventType")).lower()
    about = told.get(what)
    if not isinstance(about, dict):
        return None
    if what == "complaint":
        feedback = str(about.get("complaintFeedbackType") or "abuse")[:40]
        people = [str(one["emailAddress"]) for one in about["complainedRecipients"]]
        # The loop behind the provider that passes it on, where that says so.
        loop = arf.named(str(about.get("userAgent") or "")) or author
        return Returned(Kind.COMPLAINT, tuple(Finding(address(one), words=feedback) for one in people), feedback, loop)
    if what == "delivery":
        said = str(about.get("smtpResponse", ""))
        return Returned(
            Kind.BOUNCE, tuple(Finding(address(str(one)), "delivered", None, said) for one in about["recipients"])
        )
    if what == "bounce":
        found = tuple(
            Finding(
                address(str(one["emailAddress"])),
                str(one.get("action") or "failed").lower(),
                prose.status(str(one.get("status", ""))),
                re.sub(r"\A[A-Za-z-]{1,20};\s*", "", str(one.get("diagnosticCode", ""))),
            )
            for one in about["bouncedRecipients"]
        )
        return Returned(Kind.BOUNCE, found) if found else None
    return None


# -- sentences

_DAEMON = re.compile(
    r"\b(?:mailer[-_.]?daemon|post[-_]?master|mail[-_. ]delivery|mail[-_. ]?system|mta[-_]?admin|bounces?)\b|^\W*$",
    re.I,
)
_FAILED = re.compile(
    r"undeliver|non-?deliver|not (?:be )?deliver|deliver\w* (?:to the following|failure|fail|problem|status|notif|error)"
    r"|fail\w* to deliver|failure notice|mail (?:delivery )?(?:system )?(?:failed|failure|error)|returned mail|returned to sender"
    r"|(?:un|could not be |cannot be |can't be |not )(?:able to )?deliver|trouble delivering|error sending your mail"
    r"|(?:user|recipient|mailbox|address)\W{1,3}(?:is )?(?:unknown|not found|unavailable|rejected|disabled|invalid)"
    r"|invalid (?:user|recipient|address|final)|no such (?:user|recipient|mailbox|address)|permanent (?:fatal )?error"
    r"|account is (?:disabled|locked)|was rejected|rejected recipient|did not reach the following|delayed|loop alert"
    r"|^\s*(?:<<<|out:|remote host said:)\s*[45]\d\d|rcpt to:",
    re.IGNORECASE | re.MULTILINE,
)


# What only a mail system has to say; anybody may write "delayed", or of the delivery status of an order.
_SURE = re.compile(
    r"(?:could|can) ?(?:not|n't) be delivered|undeliverable|unable to deliver|deliver\w* (?:has )?failed|failed to deliver"
    r"|(?:was not|wasn't|not been|hasn't been) delivered|delivery failure|did not reach the following"
    r"|\b[45]\d\d[ -]#?[45]\.\d{1,3}\.\d{1,3}\b",
    re.IGNORECASE,
)


def _named(mail: Parts) -> list[str]:
    return [one for field in mail.head.all("x-failed-recipients") for one in addresses(_shown(mail, field))]


def _is_system(mail: Parts) -> bool:
    """Whether a mail system writes, by its name or by what only such put into a mail."""
    return bool(_named(mail) or mail.status or _DAEMON.search(_author(mail.head)))


def _is(one: Finding, address: str) -> bool:
    return (one.recipient or "").lower() == address.lower()


def _in_sentences(mail: Parts, own: Collection[str], about: str | None) -> Returned:
    named = _named(mail)
    subject = mail.head.shown("subject")
    system = _is_system(mail)
    failed = bool(named or mail.status)
    spoken: list[Finding] = []
    for words in mail.words if system or about is None else map(_own_words, mail.words):
        notice = "\n".join(prose.notice(words))
        if failed or (system and (_FAILED.search(f"{subject}\n{notice}") or prose.reply(notice) is not None)):
            # A mail system that names an address and a reply has nothing else to tell, in whatever language.
            failed = True
            spoken += prose.findings(words, failed=named, own=own)
        elif not system and _SURE.search(f"{subject}\n{notice}"):
            # No mail system by its name: it has to say whom it failed to reach, and that is not itself.
            author = address(mail.head.shown("from")) or ""
            told = prose.findings(words, own={*own, author.lower()})
            spoken += [one for one in told if about is None or _is(one, about)]
    if not failed and not spoken:
        return Returned(Kind.UNKNOWN, (_of_author(mail),))
    found: dict[str, Finding] = {}
    for one in spoken:
        if one.recipient is not None:
            known = found.setdefault(one.recipient.lower(), one)
            if prose.reply(known.words) is None and prose.reply(one.words) is not None:
                found[one.recipient.lower()] = one
    if not found and (inner := _passed_on(mail)) is not None:
        return inner
    if not found:
        # The header of what came back says to whom it was; of several it does not say which one failed.
        people = _sent_to(mail)
        words = "\n".join(line for text in mail.words for line in prose.notice(text))
        return Returned(Kind.BOUNCE, (Finding(people[0] if people else None, words=words.strip()),))
    return Returned(Kind.BOUNCE, tuple(found.values()))


def _passed_on(mail: Parts) -> Returned | None:
    """A bounce that some gateway has put whole into a notice of its own."""
    for head in mail.sent:
        if _DAEMON.search(_author(head)) and head.body < len(head.content):
            inner = parts.read(head.content)
            stated = _stated(inner)
            if stated:
                return Returned(Kind.BOUNCE, tuple(_completed(stated, inner, _addressees(inner))))
    return None


def _sent_to(mail: Parts) -> list[str]:
    for head in mail.sent:
        people = addresses(head.shown("to"))
        if len(people) == 1:
            return people
    return []


# -- who writes

_ABSENT = re.compile(
    r"^(?:re: ?)?(?:\[?auto(?:matic|mated)?[ -]?(?:reply|response|generated reply)|autoreply|out of (?:the )?office|vacation"
    r"|(?:i am |i'm )?away (?:from|until)|abwesen|automatische antwort|r[ée]ponse automatique|absence|respuesta autom"
    r"|risposta automatica|resposta autom|автоматический ответ|автоответ|自動応答|自动回复|automatisch antwoord|autosvar)",
    re.IGNORECASE,
)
_ANSWERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply-from", "x-vacation", "x-mail-autoreply")


def _automatic(mail: Parts) -> bool:
    """Whether it answers for somebody (RFC 3834 §5, and what was there before). Mail systems mark their bounces alike."""
    head = mail.head
    if head.find("x-failed-recipients") is not None or _DAEMON.search(_author(mail.head)):
        return False
    submitted = (head.get("auto-submitted") or b"").lower()
    return (
        submitted.startswith(b"auto-replied")
        or bool(_ABSENT.search(head.shown("subject")))
        or any(head.find(name) is not None for name in _ANSWERS)
        or (head.get("precedence") or b"").lower() in (b"auto_reply", b"auto-reply")
        or (submitted.startswith(b"auto-") and head.find("in-reply-to") is not None and not mail.sent)
    )


def _author(head: Head) -> str:
    """The local part of From, and the name before it."""
    shown = head.shown("from")
    one = address(shown)
    return f"{shown.partition('<')[0] if '<' in shown else ''} {one.rpartition('@')[0] if one else shown}"


def mails(content: bytes) -> list[bytes]:
    """The mails of a file: those of an mbox (it begins with "From "), else the one that it is."""
    if not content.startswith(b"From "):
        return [content]
    starts = [found.start() for found in re.finditer(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]+ \d\d:\d\d", content)]
    return [content[start:end] for start, end in pairwise([*starts, len(content)])] or [content]


def _of_author(mail: Parts) -> Finding:
    words = "\n".join(mail.words)[:2_000]
    return Finding(address(mail.head.shown("from")), words=words.strip())


def _addressees(mail: Parts) -> set[str]:
    """To whom a bounce came is the sender of what failed, never its recipient."""
    names = ("to", "envelope-to")
    people = {one.lower() for name in names for one in addresses(mail.head.shown(name))}
    for head in mail.sent:
        people |= {one.lower() for name in ("from", "return-path", "sender") for one in addresses(head.shown(name))}
    return people


def _shown(mail: Parts, field: Field) -> str:
    return mail.head.value(field).decode("utf-8", "replace")
