"""How is one part of a message opened for a change, and closed again? Its transfer encoding and charset, there and back.

What is put back decodes to exactly the bytes that were edited: in the encoding that the part had, or, where a part that was
plain ASCII gets other letters, in quoted-printable or base64, so that no message becomes 8-bit on our account (RFC 6152).
"""

import binascii
import re
from base64 import encodebytes
from dataclasses import dataclass, replace

from mail.wire import charset as charsets
from mail.wire import mime
from mail.wire.charset import UTF_8
from mail.wire.entity import Ambiguous, Entity
from mail.wire.places import Change, Places, places

LARGEST = 512 * 1024
"""Octets of a text that is changed, decoded."""

_PLAIN = ("7bit", "8bit", "binary")
_CLEAN = re.compile(rb"[A-Za-z0-9+/]*+={0,2}")
# RFC 2045 §6.7 (3): white space at the end of a line is no content.
_PADDING = re.compile(rb"(?<![ \t])[ \t]++(?=\r\n|\Z)")
_OPENPGP = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that is shown as text or HTML, open."""

    entity: Entity
    places: Places
    main: bool
    """One of those that the message's words begin in."""
    top: bool
    """The message's only part."""
    widened: bool = False
    """It is to be written in UTF-8, whatever it came in."""

    @property
    def line_end(self) -> str:
        """How its lines end: as most lines of mail, or as those of what was packed in base64."""
        document = self.places.document
        return "\n" if b"\n" in document and b"\r\n" not in document else "\r\n"

    def wide(self) -> "Leaf":
        """The same in UTF-8, which has all letters; or, where its bytes mean nothing in its charset, with "?" for what it lacks."""
        found = self.places
        text = found.charset.letters(found.charset.closed(found.document))
        if text is None:
            return replace(self, places=replace(found, charset=replace(found.charset, lossy=True)))
        return replace(self, places=places(text.encode("utf-8"), UTF_8, markup=found.markup), widened=True)


def leaf(entity: Entity, *, main: bool, top: bool) -> Leaf:
    """Open a part. Raises Ambiguous where it cannot be changed with certainty, saying why."""
    head, body = entity.head, entity.head.content[entity.body : entity.end]
    if entity.body == head.end:  # no empty line: what we would put there might be read as a field
        raise Ambiguous("the header of a part does not end")
    if len(body) > 3 * LARGEST:
        raise Ambiguous("a text in it is too large")
    raw = _decoded(body, entity.encoding)
    if len(raw) > LARGEST:
        raise Ambiguous("a text in it is too large")
    if b"-----BEGIN PGP " in raw and _OPENPGP.search(raw):
        raise Ambiguous("it is signed or encrypted")
    charset = charsets.named(entity.parameters.get("charset"), raw)
    document = None if charset is None else charset.opened(raw)
    if charset is None or document is None:
        raise Ambiguous("the letters of a text cannot be read")
    found = places(document, charset, markup=entity.kind == "text/html")
    if found.deep:
        raise Ambiguous("its HTML is nested too deep")
    return Leaf(entity, found, main, top)


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding in _PLAIN:
        return body
    if encoding == "quoted-printable":
        return binascii.a2b_qp(_PADDING.sub(b"", body) if b" \r\n" in body or b"\t\r\n" in body else body)
    if encoding == "base64":
        packed = body.translate(None, b"\r\n\t ")
        # What stands behind padding, or outside the alphabet, is read by some and dropped by others.
        if _CLEAN.fullmatch(packed) and len(packed.rstrip(b"=")) % 4 != 1:
            return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))
        raise Ambiguous("a text's base64 is broken")
    raise Ambiguous("a text's transfer encoding is unknown")


def written(leaf: Leaf, edited: bytes) -> list[Change]:
    """The changes to the message that put the edited document in the place of the part's body."""
    entity, head = leaf.entity, leaf.entity.head
    raw = leaf.places.charset.closed(edited)
    body = head.content[entity.body : entity.end]
    encoding: bytes | None = None
    if entity.encoding in _PLAIN:
        if body.isascii() and not raw.isascii():
            raw, encoding = mime.encode(raw, text=True)
    elif entity.encoding == "base64":
        raw = encodebytes(raw).replace(b"\n", b"\r\n")
    else:
        raw = _quoted(raw)
        if body.endswith(b"\r\n") and not raw.endswith(b"\r\n"):
            raw += b"=\r\n"  # a line end that is none, so that nobody adds one that is
    if entity.encoding == "base64" or encoding == b"base64":
        # The last line end is the boundary's where there is one.
        raw = raw if body.endswith(b"\r\n") else raw.removesuffix(b"\r\n")
    made = _header(leaf, encoding)
    made.append((entity.body, entity.end, raw))
    return made


def _quoted(raw: bytes) -> bytes:
    pairs = raw.count(b"\r\n")
    if raw.count(b"\n") == pairs == raw.count(b"\r"):
        return mime.quoted_printable(raw)
    # A bare CR or LF is content and stays so.
    lines = (binascii.b2a_qp(line, istext=False).replace(b"\n", b"\r\n") for line in raw.split(b"\r\n"))
    return b"\r\n".join(lines)


_CHARSET = re.compile(rb'(;\s*+charset\s*+=\s*+)(?:"(?:[^"\\]|\\.)*+"|[^\s;"]++)', re.IGNORECASE | re.DOTALL)


def _header(leaf: Leaf, encoding: bytes | None) -> list[Change]:
    """What the part's header has to say anew."""
    head, content = leaf.entity.head, leaf.entity.head.content
    made: list[Change] = []
    added = b""
    if leaf.widened:
        field = head.find("content-type")
        if field is None:
            added += b"Content-Type: text/plain; charset=utf-8\r\n"
        else:
            raw = content[field.start : field.end]
            new, count = _CHARSET.subn(rb"\1utf-8", raw, count=1)
            made.append((field.start, field.end, new if count else raw.removesuffix(b"\r\n") + b"; charset=utf-8\r\n"))
    if encoding is not None:
        field = head.find("content-transfer-encoding")
        line = b"Content-Transfer-Encoding: %s\r\n" % encoding
        if field is None:
            added += line
        else:
            made.append((field.start, field.end, line))
    if added and leaf.top and head.find("mime-version") is None:
        added = b"MIME-Version: 1.0\r\n" + added
    if added:
        made.append((head.end, head.end, added))
    return made
