"""What did the other host say? One SMTP reply as a value: code, enhanced status, words.

RFC 5321 §4.2 (replies, multi-line form), RFC 2034 and RFC 3463 (enhanced status codes). Nothing here judges a reply:
that is `mail.verdict`. Nothing here fails either: a host may send 8-bit bytes, ten kilobytes on a line or nonsense, and
what it said must still reach the conversation that the customer reads.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_TEXT = 2_000
"""Characters of words kept of one reply. Hosts have been seen to send tens of kilobytes; people read the first screen."""

_LINE = re.compile(r"([2-5]\d\d)([ -]|$)(.*)", re.DOTALL)
_STATUS = re.compile(r"#?([245]\.\d{1,3}\.\d{1,4})(?=$|[\s:,;()-])[\s:,;-]*")
# A multi-line reply that somebody has glued into one line repeats its code: "550-5.7.1 too many 550 5.7.1 addresses".
_GLUED = re.compile(r"\s(?:([2-5]\d\d)[ -])(?=#?[245]\.\d{1,3}\.\d{1,4}\b)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete reply of an SMTP server."""

    code: int
    """Three digits, 200–599."""
    status: str | None
    """Enhanced status such as "5.1.1", or None where the host sent none (RFC 3463)."""
    text: str
    """The words alone: codes removed, lines joined by one space, at most MAX_TEXT characters, no control characters."""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.status, self.text) if part)

    @property
    def positive(self) -> bool:
        """2xx: done."""
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        """3xx: go on (RFC 5321 §4.2.1)."""
        return 300 <= self.code < 400

    @property
    def temporary(self) -> bool:
        """4xx, or a 4.x.x status: the same command may succeed later."""
        return 400 <= self.code < 500 or (self.code >= 500 and (self.status or "").startswith("4."))

    @property
    def permanent(self) -> bool:
        """5xx without a status that says otherwise."""
        return self.code >= 500 and not self.temporary


class MalformedReply(ValueError):
    """The bytes are no SMTP reply: the peer speaks something else or the connection is out of step."""


def parse(lines: Sequence[bytes]) -> Reply:
    """Read the lines of one reply, without their CRLF. Raises MalformedReply.

    >>> parse([b"550-5.1.1 no such", b"550 5.1.1 user"])
    Reply(code=550, status='5.1.1', text='no such user')
    """
    return from_lines([decode(line) for line in lines])


def from_lines(lines: Sequence[str]) -> Reply:
    """Like `parse`, for lines that are already text."""
    code: int | None = None
    status: str | None = None
    words: list[str] = []
    for line in lines:
        match = _LINE.match(line)
        if not match:
            raise MalformedReply(f"not an SMTP reply line: {line[:80]!r}")
        code = int(match[1])  # RFC 5321 §4.2.1: all lines carry the same code; the last one counts where they differ
        rest = match[3].strip()
        enhanced = _STATUS.match(rest)
        if enhanced and enhanced[1][0] == match[1][0]:
            status = status or enhanced[1]
            rest = rest[enhanced.end() :]
        elif enhanced and status is None and match[1][0] in "45":
            status, rest = enhanced[1], rest[enhanced.end() :]
        if rest:
            words.append(rest)
    if code is None:
        raise MalformedReply("an empty reply")
    return Reply(code, status, _CONTROL.sub(" ", " ".join(words))[:MAX_TEXT].strip())


def from_text(text: str) -> Reply:
    """Read a reply as people and bounces quote it: one line or several, or a multi-line reply glued into one line.

    Raises MalformedReply where the text does not begin with a reply code.
    """
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    glued = [_GLUED.sub(r"\n\1 ", line).split("\n") for line in lines]
    flat = [piece for pieces in glued for piece in pieces]
    if not flat or not _LINE.match(flat[0]):
        raise MalformedReply(f"not an SMTP reply: {text[:80]!r}")
    code = flat[0][:3]
    return from_lines([line if _LINE.match(line) and line[:3] == code else f"{code} {line}" for line in flat])


def decode(line: bytes) -> str:
    """The text of a reply line: UTF-8 where it is (RFC 6531 §3.7.4.2), else byte by byte so that nothing is lost."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
