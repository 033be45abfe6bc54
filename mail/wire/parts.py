"""What can be read of a mail that came back? Its words, its reports and the header of what was sent, as text.

Strangers write these mails, so everything is capped and nothing fails: READ bytes are looked at, DEPTH levels of
multipart opened (RFC 2046 §5.1), PARTS parts kept, TEXT characters of each. What was sent is not opened: its header
says whom it was for, and its body is none of our business. Linear in the size, per level.
"""

import binascii
import codecs
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mail.wire.headers import Head, scan
from mail.wire.lines import canonical

READ = 1024 * 1024
DEPTH = 8
PARTS = 50
TEXT = 64 * 1024

_BOUNDARY = re.compile(rb'boundary\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]++))', re.IGNORECASE)
_QUOTED = re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]{0,100}\r?\n)")
_CHARSET = re.compile(rb'charset\s*+=\s*+"?([A-Za-z0-9_.:-]{1,40})', re.IGNORECASE)
_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_HEADERS = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers",
     "message/global-headers"}
)  # fmt: skip


@dataclass(slots=True)
class Parts:
    """A mail taken apart."""

    head: Head
    words: list[str] = field(default_factory=list)
    """What people read, plain text before HTML; lines end in \\n."""
    status: list[str] = field(default_factory=list)
    """message/delivery-status (RFC 3464)."""
    feedback: list[str] = field(default_factory=list)
    """message/feedback-report (RFC 5965)."""
    sent: list[Head] = field(default_factory=list)
    """Headers of what was sent, as far as they came back."""
    receipt: bool = False
    """It tells that a person has seen the mail (RFC 8098): neither bounce nor complaint."""


def read(content: bytes) -> Parts:
    """Take a mail apart. Never fails."""
    content = content[:READ].lstrip(b"\r\n")
    if content.startswith(b"From "):  # mbox: the line that parts mails from one another
        content = content.partition(b"\n")[2]
    if content.startswith(b"{"):  # posted without a header: its first line would look like one
        content = b"\n" + content
    content = canonical(content)
    parts = Parts(scan(content))
    markup: list[str] = []
    for kind, head, body in _leaves(parts.head, DEPTH):
        if kind in _STATUS:
            parts.status.append(_text(head, body))
        elif kind == "message/feedback-report":
            parts.feedback.append(_text(head, body))
        elif kind in _HEADERS:
            parts.sent.append(scan(canonical(_plain(head, body).lstrip(b"\r\n"))))
        elif kind == "message/disposition-notification":
            parts.receipt = True
        elif kind == "text/html":
            markup.append(_without_tags(_text(head, body)))
        elif kind.startswith("text/") or not kind:
            parts.words.append(_text(head, body))
        if len(parts.words) + len(parts.status) + len(parts.sent) + len(markup) >= PARTS:
            break
    if not any(words.strip() for words in parts.words):
        parts.words = markup
    return parts


def texts(content: bytes) -> Iterator[tuple[str, str]]:
    """The text parts of a mail, whole as far as READ goes: text/plain, text/html …, and the text."""
    for kind, head, body in _leaves(scan(canonical(content[:READ])), DEPTH):
        if kind.startswith("text/") or not kind:
            yield kind or "text/plain", _text(head, body, READ)


def kind_of(head: Head) -> str:
    """type/subtype in lower case, "" where none is given."""
    return re.split(rb"[;\s]", (head.get("content-type") or b"").lower(), maxsplit=1)[0].decode("latin-1")


def _leaves(head: Head, depth: int) -> Iterator[tuple[str, Head, bytes]]:
    kind = kind_of(head)
    body = head.content[head.body :]
    if kind.startswith("multipart/") and depth:
        pieces = list(_pieces(head, body))
        if pieces:
            for piece in pieces:
                yield from _leaves(scan(piece), depth - 1)
            return
    # A boundary that never comes: what is there is words.
    yield "" if kind.startswith("multipart/") else kind, head, body


def _pieces(head: Head, body: bytes) -> Iterator[bytes]:
    found = _BOUNDARY.search(head.get("content-type") or b"")
    boundary = (found[1] if found and found[1] is not None else found[2] if found else b"").rstrip()
    if not boundary:
        return
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r\n|\Z)")
    start: int | None = None
    for count, mark in enumerate(delimiter.finditer(body)):
        if start is not None:
            yield body[start : mark.start()]
        # The line end after a delimiter is the delimiter's.
        start = mark.end() + 2
        if mark[1] is not None or count >= PARTS:
            return
    if start is not None:
        yield body[start:]


def _plain(head: Head, body: bytes, limit: int = TEXT) -> bytes:
    """The body without its transfer encoding (RFC 2045 §6)."""
    body = body[: limit * 4]
    encoding = (head.get("content-transfer-encoding") or b"").lower().strip(b'"; ')
    if encoding == b"quoted-printable":
        # Not binascii's: on a run of "=" it is quadratic.
        return _QUOTED.sub(lambda found: bytes.fromhex(found[1].decode()) if found[1] else b"", body)
    if encoding == b"base64":
        packed = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        try:
            return binascii.a2b_base64(packed[: len(packed) - (len(packed) % 4 == 1)] + b"==")
        except binascii.Error:
            return body
    return body


def _text(head: Head, body: bytes, limit: int = TEXT) -> str:
    found = _CHARSET.search(head.get("content-type") or b"")
    raw = _plain(head, body, limit)[: limit * 4]
    return _decoded(raw, found[1].decode("ascii") if found else "utf-8").replace("\r\n", "\n")[:limit]


# Codecs that are no charsets of mail, and some of them quadratic.
_REFUSED = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "utf-7", "undefined", "mbcs", "oem"})


def _decoded(raw: bytes, charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
        if name not in _REFUSED and name != "ascii":
            return raw.decode(name, "replace")
    except (LookupError, ValueError):
        pass
    return raw.decode("utf-8", "replace")


_HIDDEN = re.compile(r"<(?:style|script|head)\b")
_BREAK = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|/?table|/?pre)\b[^<>]{0,2000}>", re.IGNORECASE)
_TAG = re.compile(r"<[A-Za-z/!][^<>]{0,2000}>")


def _without_tags(markup: str) -> str:
    """The words of HTML, good enough to find addresses and replies in; nobody is shown it."""
    pieces = []
    position = 0
    lower = markup.lower()
    for found in _HIDDEN.finditer(lower):
        if found.start() >= position:
            pieces.append(markup[position : found.start()])
            end = lower.find(f"</{found[0][1:]}", found.end())
            position = len(markup) if end < 0 else end
    pieces.append(markup[position:])
    return html.unescape(_TAG.sub(" ", _BREAK.sub("\n", " ".join(pieces)))).replace("\xa0", " ")
