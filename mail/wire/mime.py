"""How does a message fit through a narrower road? 8-bit to 7-bit, overlong lines re-encoded, nothing else touched.

`narrow` (RFC 6152 §3) walks the MIME tree and re-encodes only the leaves that need it: quoted-printable for text,
base64 where that is shorter or the part is no text. Parts that fit stay byte for byte. Signed parts (RFC 1847 §2.1) are
converted only where 8-bit bytes leave no choice, never for long lines. Malformed mail takes the same way: a boundary
that never comes, a missing encoding or a nesting beyond MAX_DEPTH makes a leaf, and whatever 8-bit byte still remains
in the end becomes "?" rather than an 8-bit byte on a 7-bit road. Linear in the size, per level of nesting.
"""

import base64
import binascii
import re

from mail.wire import encoded
from mail.wire.headers import Field, Head, scan
from mail.wire.lines import MAX_LINE, has_long_line

MAX_DEPTH = 20
"""Levels of multipart and message/rfc822 that are opened; real mail has five."""

_ENCODED = (b"base64", b"quoted-printable")
_BOUNDARY = re.compile(rb'boundary\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]++))', re.IGNORECASE)


def narrow(content: bytes, *, eight_bit: bool) -> bytes:
    """The message for a hop that takes 8-bit bodies (`eight_bit`) or not. `content` has canonical lines.

    The same object where nothing needs to change, which is nearly always.
    """
    if not _needs(content, eight_bit):
        return content
    narrowed = _entity(content, eight_bit, depth=0, signed=False)
    if b"\0" in narrowed:
        narrowed = narrowed.translate(None, b"\0")
    if eight_bit or narrowed.isascii():
        return narrowed
    return narrowed.translate(_SAFE)


_SAFE = bytes(range(128)) + b"?" * 128


def _needs(piece: bytes, eight_bit: bool) -> bool:
    # NUL is in no message (RFC 5322 §3.5, RFC 2045 §2.7), and programs in C end there.
    return (not eight_bit and not piece.isascii()) or b"\0" in piece or has_long_line(piece)


def _entity(content: bytes, eight_bit: bool, depth: int, signed: bool) -> bytes:
    """One entity (a message or a part): header and body."""
    if not _needs(content, eight_bit):
        return content
    head = scan(content)
    kind, boundary = _content_type(head)
    encoding = (head.get("content-transfer-encoding") or b"7bit").lower()
    signed = signed or kind == b"multipart/signed"
    if signed and (eight_bit or content.isascii()):
        return content
    body = content[head.body :]
    if kind.startswith(b"multipart/") and boundary is not None and depth < MAX_DEPTH and encoding not in _ENCODED:
        parts = _multipart(body, boundary, eight_bit, depth, signed)
        if parts is not None:
            return _with_body(head, parts, eight_bit, _outer_encoding(encoding, parts))
    if kind == b"message/rfc822" and depth < MAX_DEPTH and encoding not in _ENCODED:
        nested = _entity(body, eight_bit, depth + 1, signed)
        return _with_body(head, nested, eight_bit, _outer_encoding(encoding, nested))
    if not _needs(body, eight_bit):
        return _with_body(head, body, eight_bit, None)
    if encoding == b"base64":
        return _with_body(head, _mended_base64(body), eight_bit, None)
    if encoding == b"quoted-printable":
        return _with_body(head, _mended_quoted(body), eight_bit, None)
    text = kind.startswith((b"text/", b"message/")) or not kind
    new_body, new_encoding = encode(body, text=text)
    return _with_body(head, new_body, eight_bit, new_encoding, leaf_of=body, top=depth == 0)


def _outer_encoding(said: bytes, body: bytes) -> bytes | None:
    # RFC 2045 §6.4: what holds parts says the widest encoding in them; where that is 7bit now, say so.
    return b"7bit" if said != b"7bit" and body.isascii() else None


def _content_type(head: Head) -> tuple[bytes, bytes | None]:
    """The lower-case type/subtype (b"" where none is given) and the boundary."""
    value = head.get("content-type")
    if value is None:
        return b"", None
    kind = re.split(rb"[;\s]", value.lower(), maxsplit=1)[0]
    found = _BOUNDARY.search(value)
    if not found:
        return kind, None
    boundary = re.sub(rb"\\(.)", rb"\1", found[1]) if found[1] is not None else found[2]
    return kind, boundary.rstrip() or None


def _multipart(body: bytes, boundary: bytes, eight_bit: bool, depth: int, signed: bool) -> bytes | None:
    """The body with each part narrowed; None where the boundary never appears (RFC 2046 §5.1.1)."""
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r\n|\Z)")
    pieces: list[bytes] = []
    position = 0
    inside = False
    for found in delimiter.finditer(body):
        if found.start() < position:
            continue
        piece = body[position : found.start()]
        pieces.append(_part(piece, eight_bit, depth, signed) if inside else _surroundings(piece, eight_bit))
        pieces.append(found[0])
        position = found.end()
        inside = found[1] is None
        if not inside:
            break
    if not pieces:
        return None
    rest = body[position:]
    pieces.append(_part(rest, eight_bit, depth, signed) if inside else _surroundings(rest, eight_bit))
    return b"".join(pieces)


def _part(piece: bytes, eight_bit: bool, depth: int, signed: bool) -> bytes:
    # The CRLF that ends the delimiter's line belongs to the delimiter; a delimiter right behind leaves no line at all.
    if not piece.startswith(b"\r\n"):
        return piece
    return b"\r\n" + _entity(piece[2:], eight_bit, depth + 1, signed)


def _surroundings(piece: bytes, eight_bit: bool) -> bytes:
    # Preamble and epilogue are shown to nobody (RFC 2046 §5.1.1) and have no encoding to carry 8-bit bytes in.
    if not eight_bit:
        piece = piece.translate(_SAFE)
    return _broken(piece)


def _broken(text: bytes) -> bytes:
    """Overlong lines cut at MAX_LINE."""
    if not has_long_line(text):
        return text
    lines = text.split(b"\r\n")
    return b"\r\n".join(line[cut : cut + MAX_LINE] for line in lines for cut in range(0, max(len(line), 1), MAX_LINE))


def encode(body: bytes, *, text: bool) -> tuple[bytes, bytes]:
    """The body re-encoded in the shorter way, and the name of that encoding (RFC 2045 §6.1)."""
    # quoted-printable triples every 8-bit byte, base64 adds a third to all of them.
    high = len(body) - len(body.translate(None, bytes(range(128, 256))))
    if high * 6 > len(body) or not text:
        return base64.encodebytes(body).replace(b"\n", b"\r\n"), b"base64"
    return quoted_printable(body), b"quoted-printable"


def quoted_printable(body: bytes) -> bytes:
    """RFC 2045 §6.7 for text with CRLF lines; soft breaks are CRLF too, and decoding gives exactly the body."""
    if b"\r\n" in body:
        return binascii.b2a_qp(body, istext=True)
    # Without a line end to imitate, b2a_qp would break softly with a bare LF.
    return binascii.b2a_qp(body, istext=True).replace(b"\n", b"\r\n")


def _mended_quoted(body: bytes) -> bytes:
    # Says quoted-printable and has 8-bit bytes or long lines: encode just those bytes, and break softly outside of
    # "=XX".
    body = re.sub(rb"[\x80-\xff]", lambda found: b"=%02X" % found[0][0], body)
    return b"\r\n".join(
        b"=\r\n".join(re.findall(rb"(?:=[0-9A-Fa-f]{2}|.){1,25}", line, re.DOTALL)) if len(line) > MAX_LINE else line
        for line in body.split(b"\r\n")
    )


def _mended_base64(body: bytes) -> bytes:
    # Bytes outside the alphabet are ignored by every decoder (RFC 2045 §6.8), and so are line breaks.
    body = re.sub(rb"[\x80-\xff]", b"", body)
    lines = (
        [line] if len(line) <= MAX_LINE else [line[cut : cut + 76] for cut in range(0, len(line), 76)]
        for line in body.split(b"\r\n")
    )
    return b"\r\n".join(line for group in lines for line in group)


def _with_body(
    head: Head, body: bytes, eight_bit: bool, encoding: bytes | None, *, leaf_of: bytes | None = None, top: bool = False
) -> bytes:
    """Header and body put together, the header narrowed too; `encoding` replaces or adds Content-Transfer-Encoding."""
    content = head.content
    pieces: list[bytes] = []
    written = False
    for field in head.fields:
        if encoding is not None and field.key == "content-transfer-encoding":
            if not written:
                pieces.append(b"Content-Transfer-Encoding: %s\r\n" % encoding)
            written = True
            continue
        pieces.append(_field(content, field, eight_bit))
    if encoding is not None and not written:
        present = {field.key for field in head.fields}
        if top and "mime-version" not in present:
            pieces.append(b"MIME-Version: 1.0\r\n")
        if "content-type" not in present and leaf_of is not None:
            pieces.append(b"Content-Type: text/plain; charset=%s\r\n" % _charset_of(leaf_of))
        pieces.append(b"Content-Transfer-Encoding: %s\r\n" % encoding)
    between = content[head.end : head.body] or (b"\r\n" if body or pieces else b"")
    return b"".join([*pieces, between, body])


def _charset_of(body: bytes) -> bytes:
    if body.isascii():
        return b"us-ascii"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return b"unknown-8bit"  # RFC 1428 §3
    return b"utf-8"


def _field(content: bytes, field: Field, eight_bit: bool) -> bytes:
    raw = content[field.start : field.end]
    if eight_bit or raw.isascii():
        return raw
    return encoded.seven_bit_field(raw, field.key)
