"""What stands in the header of a message? The block as bytes: scanned once, cut and extended, the rest untouched.

Python's `email` with `policy.SMTP` is quadratic on hostile fields and rewrites what it parsed; this module never does
either. A message is bytes; `scan` says where each field lies, and every change is a splice. For people, `shown` unfolds
and decodes RFC 2047. `author` answers the one question on which the right to send hangs: who does From say it is?

Lines end in CRLF; a bare LF is understood as well, because archived reports and drafts come with it.
"""

import base64
import binascii
import quopri
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mail.wire.address import AddressError, Mailbox, parse_mailbox

# RFC 5322 §2.2 field name, §4.5 white space before the colon; then the line and its continuations (§2.2.3).
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:[^\n]*+(?:\n|\Z)(?:[ \t][^\n]*+(?:\n|\Z))*+")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")

MAX_SHOWN = 4_000
"""Characters of one field that are decoded for people; the bytes are never cut."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where one header field lies in its message: content[start:end], line end included."""

    key: str
    """Its name in lower case."""
    start: int
    colon: int
    """Offset of the byte after the colon."""
    end: int


@dataclass(frozen=True, slots=True)
class Head:
    """The header block of one message or MIME part, and where its body begins."""

    content: bytes
    fields: tuple[Field, ...]
    end: int
    """Offset after the last field."""
    body: int
    """Offset of the body: after the empty line, or `end` where that line is missing."""

    @property
    def closed(self) -> bool:
        """Whether an empty line parts header and body, or nothing follows the header (RFC 5322 §2.1)."""
        return self.body > self.end or self.end == len(self.content)

    def find(self, name: str) -> Field | None:
        """The first field of this name."""
        key = name.lower()
        return next((field for field in self.fields if field.key == key), None)

    def all(self, name: str) -> list[Field]:
        """All fields of this name, from top to bottom."""
        key = name.lower()
        return [field for field in self.fields if field.key == key]

    def value(self, field: Field) -> bytes:
        """The field's body on one line: unfolded, white space at both ends cut, nothing decoded (RFC 5322 §2.2.3)."""
        return _FOLD.sub(b"", self.content[field.colon : field.end]).strip()

    def get(self, name: str) -> bytes | None:
        """`value` of the first field of this name."""
        field = self.find(name)
        return None if field is None else self.value(field)

    def shown(self, name: str) -> str:
        """The first field of this name for people, "" where there is none."""
        value = self.get(name)
        return "" if value is None else decode(value)


def scan(content: bytes, start: int = 0, end: int | None = None) -> Head:
    """Find the fields of the header that begins at `start`. Never fails.

    The header ends at the first empty line, or before the first line that is no field: from there on it is body, as
    Postfix and others read it.
    """
    limit = len(content) if end is None else end
    fields: list[Field] = []
    position = start
    match = _FIELD.match
    while found := match(content, position, limit):
        colon = content.index(b":", position) + 1
        fields.append(Field(found[1].decode("ascii").lower(), position, colon, found.end()))
        position = found.end()
    if content.startswith(b"\r\n", position, limit):
        body = position + 2
    elif content.startswith(b"\n", position, limit):
        body = position + 1
    else:
        body = position
    return Head(content, tuple(fields), position, body)


def edit(head: Head, *, drop: Callable[[Field], bool] | None = None, first: Iterable[bytes] = ()) -> bytes:
    """The message with `first` (whole fields, CRLF included) before its header and the fields that `drop` names left out.

    Everything else stays byte for byte. A header that is not closed gets its empty line, so that every reader after us
    sees the body begin where we signed it.
    """
    content = head.content
    pieces = list(first)
    kept = head.fields[0].start if head.fields else head.end
    if drop is not None:
        for field in head.fields:
            if drop(field):
                pieces.append(content[kept : field.start])
                kept = field.end
    if head.closed:
        pieces.append(content[kept:])
    else:
        pieces += [content[kept : head.end], b"\r\n", content[head.end :]]
    return b"".join(pieces)


def remove(content: bytes, names: Collection[str]) -> bytes:
    """The message without any field of these names (lower case)."""
    return edit(scan(content), drop=lambda field: field.key in names)


def prepend(content: bytes, *fields: bytes) -> bytes:
    """The message with whole fields put before its header, in the order given."""
    return edit(scan(content), first=fields)


# RFC 2047 §2: =?charset?encoding?text?=, white space between two encoded words dropped (§6.2), RFC 2231 §5
# language cut.
_WORD = re.compile(r"=\?([^?*\s]{1,64})(?:\*[^?\s]{0,32})?\?([bBqQ])\?([^?\s]*+)\?=")


def decode(value: bytes) -> str:
    """A field body for people: RFC 2047 decoded, UTF-8 taken as it is, control characters as spaces. Never fails."""
    value = value[: MAX_SHOWN * 4]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "=?" in text:
        text = _words(text)
    return " ".join("".join(c if c.isprintable() else " " for c in text[:MAX_SHOWN]).split())


def _words(text: str) -> str:
    pieces: list[str] = []
    # Neighbours of one charset are joined before decoding: a letter may span two words.
    run: list[tuple[str, bytes]] = []
    position = 0

    def flush() -> None:
        for charset, raw in run:
            pieces.append(_charset(charset, raw))
        run.clear()

    for match in _WORD.finditer(text):
        between = text[position : match.start()]
        raw = _word_bytes(match[2], match[3])
        if between.strip() or not run:
            flush()
            pieces.append(between)
        charset = match[1].lower()
        if run and run[-1][0] == charset:
            run[-1] = (charset, run[-1][1] + raw)
        else:
            run.append((charset, raw))
        position = match.end()
    flush()
    pieces.append(text[position:])
    return "".join(pieces)


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8")
    if encoding in "qQ":
        return quopri.decodestring(raw.replace(b"_", b"=20"))
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        return raw


def _charset(charset: str, raw: bytes) -> str:
    try:
        if charset in ("punycode", "idna"):  # Python's codecs for these are quadratic, and no mail is written in them
            raise LookupError(charset)
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def date_of(head: Head) -> datetime | None:
    """The instant that Date names, in UTC; None where there is none that can be read (RFC 5322 §3.3)."""
    value = head.get("date")
    if value is None or len(value) > 200:
        return None
    try:
        moment = parsedate_to_datetime(value.decode("ascii"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Author:
    """Who the message says wrote it: exactly one mailbox, or the reason why that cannot be said."""

    mailbox: Mailbox | None
    """The one author, or None where `problem` says why not."""
    problem: str | None
    """"missing", "multiple" (two fields or two mailboxes) or "unparseable"; None where `mailbox` is sure."""
    mailboxes: tuple[Mailbox, ...] = ()
    """All authors that could be read, in order."""


def author(head: Head) -> Author:
    """Read From without guessing: RFC 5322 §3.6.2, groups (RFC 6854) and anything ambiguous count as unparseable."""
    fields = head.all("from")
    if not fields:
        return Author(None, "missing")
    found: list[Mailbox] = []
    for field in fields:
        raw = head.value(field)
        try:
            found += mailboxes(raw.decode("utf-8"))
        except (AddressError, UnicodeDecodeError):
            return Author(None, "unparseable")
    if len(fields) > 1 or len(found) != 1:
        return Author(None, "multiple", tuple(found))
    return Author(found[0], None, tuple(found))


_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*+"'  # quoted string
    r"|<[^<>]*+>"  # angle-addr
    r"|\s++"
    r'|[^\s"<>(),:;\\]++'  # atoms, dots, at signs, RFC 2047 words
    r"|.",
    re.DOTALL,
)


def mailboxes(text: str) -> list[Mailbox]:
    """Read a mailbox-list (RFC 5322 §3.4), unfolded and not decoded, strictly and in linear time. Raises AddressError.

    A display name that itself holds an unquoted address other than the one in brackets is refused: programs disagree on
    which of the two is the author.
    """
    found: list[Mailbox] = []
    words: list[str] = []
    angle: str | None = None
    depth = 0
    if any(ord(c) < 32 and c != "\t" for c in text) or "\x7f" in text:
        raise AddressError("control characters in an address field")

    def finish() -> None:
        nonlocal angle
        phrase = "".join(words).strip()
        if angle is not None:
            mailbox = parse_mailbox(angle.strip())
            if "@" in _QUOTED_STRING.sub("", phrase) and phrase.lower() != angle.strip().lower():
                raise AddressError("a second address in the display name")
            found.append(mailbox)
        elif phrase:
            found.append(parse_mailbox(phrase))
        elif words or found:
            raise AddressError("an empty place in a list of addresses")
        words.clear()
        angle = None

    for match in _TOKEN.finditer(text):
        piece = match[0]
        if depth:
            # Inside a comment quotes mean nothing (RFC 5322 §3.2.2), but not every program knows that: refuse the trap.
            if piece[0] in '"<\\':
                raise AddressError("a quote or bracket in a comment")
            depth += (piece == "(") - (piece == ")")
        elif piece == "(":
            depth = 1
        elif piece in (":", ";", ")", "<", ">", '"', "\\"):
            raise AddressError("a group, or a character that stands for nothing, in a list of addresses")
        elif piece == ",":
            finish()
        elif piece[0] == "<":
            if angle is not None:
                raise AddressError("two addresses in brackets")
            angle = piece[1:-1]
        elif angle is not None and piece.strip():
            raise AddressError("text after the address in brackets")
        else:
            words.append(piece)
    if depth:
        raise AddressError("an open comment")
    finish()
    if not found:
        raise AddressError("no address")
    return found


_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
