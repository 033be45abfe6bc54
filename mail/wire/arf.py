"""What does a feedback loop say? RFC 5965 reports and the older ones: who complained, about mail to whom, and how.

Reporters black out what they can, so the recipient is often missing; what we sent carries a return path of its own
(`mail.wire.returnpath`), and that is what names it for sure.
"""

import re

from mail.wire.address import domain_of
from mail.wire.finding import address, addresses
from mail.wire.headers import Head
from mail.wire.parts import Parts

NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc"})
"""Feedback types that complain of nothing a recipient has felt: RFC 6430, RFC 6591."""

_FIELD = re.compile(r"^([A-Za-z-]{3,40})[ \t]*:[ \t]*(.{1,1000})", re.MULTILINE)
_RECIPIENTS = ("original-rcpt-to", "removal-recipient", "redacted-address")
# Loops from before RFC 5965 send the mail back inside another, with a sentence or a field of their own.
_SUBJECT = re.compile(
    r"^(?:complaint about message from|abuse report|spam (?:report|complaint)|\[?feedback loop)", re.IGNORECASE
)
_MARKS = ("x-hmxmroriginalrecipient", "x-original-recipient-complaint", "x-loop-feedback")
_REPORTERS = re.compile(r"\b(?:feedback-?loop|fbl|abuse-?reports?|complaints?|staff)@", re.IGNORECASE)


def kind(parts: Parts) -> str | None:
    """The feedback type ("abuse", "opt-out" …), or None where this is no report of a feedback loop."""
    for text in parts.feedback:
        fields = _fields(text)
        return (fields.get("feedback-type") or ["abuse"])[0].strip().lower()[:40]
    subject = parts.head.shown("subject")
    if parts.head.find("x-apple-unsubscribe") is not None:
        return "opt-out"
    if any(head.find(mark) is not None for head in parts.sent for mark in _MARKS):
        return "abuse"
    if parts.sent and _SUBJECT.search(subject) and _REPORTERS.search(parts.head.shown("from")):
        return "abuse"
    return None


def recipients(parts: Parts) -> list[str]:
    """To whom the mail was that is complained about, as far as the report tells."""
    found: list[str] = []
    for text in parts.feedback:
        fields = _fields(text)
        found += [one for name in _RECIPIENTS for value in fields.get(name, ()) if (one := address(value))]
    for head in parts.sent:
        if not found:
            found += _of_sent(head)
    if not found and not parts.feedback and not parts.sent and (one := address(parts.head.shown("from"))):
        found.append(one)  # an opt-out that the recipient's own program has sent
    return list(dict.fromkeys(found))


def loop(parts: Parts) -> str | None:
    """Who tells of it: the domain of the report's author, else the program that wrote it; None where neither is named."""
    author = address(parts.head.shown("from")) or address(parts.head.shown("sender"))
    if author is not None:
        return named(domain_of(author))
    agents = [agent for text in parts.feedback for agent in _fields(text).get("user-agent", ())]
    return named(agents[0]) if agents else None


def named(text: str) -> str | None:
    """The name of a feedback loop as it can be shown: one short line; None where nothing is left."""
    return " ".join("".join(char if char.isprintable() else " " for char in text[:500]).split())[:100] or None


def _of_sent(head: Head) -> list[str]:
    for name in (*_MARKS, "delivered-to", "x-original-to", "to"):
        if found := addresses(head.shown(name)):
            return found if name != "to" or len(found) == 1 else []
    return []


def _fields(text: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for found in _FIELD.finditer(text):
        fields.setdefault(found[1].lower(), []).append(found[2])
    return fields
