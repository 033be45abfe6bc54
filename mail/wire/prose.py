"""What does a home-grown bounce say? Mail systems that never met RFC 3464 tell it in sentences, each in its own.

No system is known here by name; what they share is. They name the failed address on a line of its own, or at the head
of one, or behind a phrase, or in a transcript of the conversation; the reason follows it, seldom precedes it; and then
comes the mail that was sent. Lines are tried from the surest kind to the least sure one.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mail.wire.finding import ADDRESS, Finding, address, addresses

MAX_LINES = 600
MAX_LINE = 2_000
MAX_FINDINGS = 100

# From here on stands what was sent: a ruled line that says so, a line that says nothing else, or its header.
_RULED = re.compile(r".{0,40}?\b(?:original|unsent|returned|copy|headers?|message text|message body)\b", re.IGNORECASE)
_SENT = re.compile(
    r"(?:your |the )?(?:original|unsent) (?:message|mail) follows"
    r"|(?:original )?message headers? follows?|original message headers?:"
    r"|(?:included|below|this|enclosed|attached) is a copy of the (?:original )?message"
    r"|(?:return-path|received|x-received|delivered-to|dkim-signature|arc-[a-z-]{2,40}|message-id|mime-version)\s?:"
    r"|end of message\b|reporting-mta\s?:",
    re.IGNORECASE,
)
# The address at the head of a line, whatever bullets, brackets or arrows stand before it.
_HEAD = re.compile(rf"[\s*>|\"'•·-]{{0,20}}<?({ADDRESS.pattern})>?[\"']?(.*)")
# Lines whose address is not whom the mail was for.
_OTHERS = re.compile(
    r"\b(?:mail from|reply-?to|sender|return-?path|envelope-from|received from|message-?id)\b|\bfrom\s?:"
    r"|\b(?:contact|assistance|support|help|questions?|abuse|e-?mail us|mailto|send (?:e-?)?mail to)\b|https?://|cc\s?:",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"(?:contact|assistance|support|help|mail to|write to|questions?)\W{0,3}(?:\w+\W{1,3}){0,4}$", re.I
)
_TRANSCRIPT = re.compile(rf"\s*(?:<<<\s*)?[45]\d\d[ -](?:#?[45]\.\d+\.\d+ )?<?({ADDRESS.pattern})>?\s?(?:\.\.\.|:)")

_REPLY = re.compile(r"(?<![\d.@-])([45]\d\d)(?=[ :,-]{1,3}(?:[A-Za-z<\[(#'\"]|[245]\.\d|\1)|['\"\]]?$)", re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.])")
_AFTER_DATA = re.compile(
    r"in reply to (?:end of )?DATA|^[ \t]{0,20}>>>\s{0,5}DATA\b|^-{1,20}\s?SMTP command\s{1,10}DATA$", re.MULTILINE
)
_DELAYED = re.compile(
    r"\bhas not yet been delivered|will be retried|has been delayed|is delayed|still being retried|warning (?:message )?only"
    r"|do not need to re-?send|delivery attempts will continue|temporary failure report|will (?:keep|continue) trying",
    re.IGNORECASE,
)

_ARRIVED = re.compile(
    r"(?<!not )(?<!not be )(?<!not been )successfully (?:been )?(?:delivered|relayed)|\b(?:was|been|were) relayed to\b"
    r"|\bdelivery (?:was |has been )?success",
    re.IGNORECASE,
)
_TOLD = (("delayed", _DELAYED), ("delivered", _ARRIVED))


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A line that names a failed recipient, and the words on it that may hold the reason."""

    line: int
    address: str
    rest: str
    alone: bool = False


def findings(text: str, *, failed: Sequence[str] = (), own: Collection[str] = ()) -> list[Finding]:
    """The recipients that a bounce in sentences names, in order, each with the words about it. Never fails.

    `failed`: recipients that are known from elsewhere; only the words about them are looked for. `own`: addresses in
    lower case that are the sender's, who is never the one that failed.
    """
    lines = notice(text)
    anchors = _anchors(lines, {one.lower() for one in failed}, own)
    action = next((what for what, told in _TOLD if any(told.search(line) for line in lines)), None)
    people = list(dict.fromkeys([*failed, *(anchor.address for anchor in anchors)]))[:MAX_FINDINGS]
    if failed:
        people = list(dict.fromkeys(failed))[:MAX_FINDINGS]
    found = []
    for person in people:
        words = "\n".join(_passage(lines, anchors, anchor) for anchor in anchors if _same(anchor.address, person))
        if len(people) == 1 and reply(words) is None and (not words.strip() or reply("\n".join(lines)) is not None):
            words = "\n".join(lines)
        found.append(Finding(person, action, None, words.strip(), bool(_AFTER_DATA.search(words))))
    return found


def notice(text: str) -> list[str]:
    """The lines before the mail that was sent; all of them where nothing else is left. Quote marks of a forward are cut."""
    lines = [line[:MAX_LINE] for line in text.splitlines()[:MAX_LINES]]
    if sum(line.startswith("> ") for line in lines) * 2 > len(lines):
        lines = [re.sub(r"\A> ?", "", line) for line in lines]
    for number, line in enumerate(lines):
        if _ends(line) and any(ADDRESS.search(before) for before in lines[:number]):
            return lines[:number]
    return lines


def _ends(line: str) -> bool:
    bare = line.lstrip(" \t|>=*_-")
    ruled = len(line[: len(line) - len(bare)].strip(" \t|>")) >= 2
    return bool(_SENT.match(bare) or (ruled and _RULED.match(bare)))


def reply(words: str) -> str | None:
    """The words from the first SMTP reply in them to the end of its paragraph, or None where there is none."""
    found = _REPLY.search(words)
    return words[found.start() :].split("\n\n", maxsplit=1)[0].strip() if found else None


def status(words: str) -> str | None:
    """An enhanced status that stands in the words without a reply code: (#5.4.4)."""
    found = _STATUS.search(words)
    return found[1] if found else None


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _anchors(lines: Sequence[str], failed: set[str], own: Collection[str]) -> list[_Anchor]:
    def other(line: str, before: str) -> bool:
        return bool(_OTHERS.search(line)) or bool(_CONTACT.search(before))

    heads: list[_Anchor] = []
    transcript: list[_Anchor] = []
    phrases: list[_Anchor] = []
    for number, line in enumerate(lines):
        if "@" not in line:
            continue
        before = lines[number - 1] if number else ""
        if (found := _HEAD.match(line)) and (one := address(found[1])) and _wanted(one, failed, own):
            if failed or not _CONTACT.search(before):
                heads.append(_Anchor(number, one, found[2]))
        elif (found := _TRANSCRIPT.match(line)) and (one := address(found[1])) and _wanted(one, failed, own):
            transcript.append(_Anchor(number, one, line))
        elif not other(line, before):
            for one in addresses(line):
                if _wanted(one, failed, own):
                    phrases.append(_Anchor(number, one, line))
    # A line of a transcript speaks for itself alone.
    return heads or [replace(one, alone=True) for one in transcript] or phrases


def _wanted(one: str, failed: set[str], own: Collection[str]) -> bool:
    return one.lower() in failed if failed else one.lower() not in own


def _passage(lines: Sequence[str], anchors: Sequence[_Anchor], anchor: _Anchor) -> str:
    """The words about one recipient: from its line to that of the next one."""
    if anchor.alone:
        return anchor.rest
    after = [other.line for other in anchors if other.line > anchor.line and not _same(other.address, anchor.address)]
    end = min(after, default=len(lines))
    return "\n".join([anchor.rest.strip(" :"), *(line.strip() for line in lines[anchor.line + 1 : end])]).strip()
