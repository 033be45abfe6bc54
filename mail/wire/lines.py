"""How do lines cross the wire? CRLF only, a final CRLF, and dots doubled: the end of data is never ambiguous.

Whatever is sent goes through `canonical` before it is signed and through `dot_stuffed` after. A bare CR or LF in a body
is how a second message is smuggled past a lax receiver (CVE-2023-51764 and its siblings), so none ever leaves.
"""

import re
from collections.abc import Iterator

_BARE = re.compile(rb"\r\n|\r|\n")

MAX_LINE = 998
"""Octets of a line without its CRLF (RFC 5322 §2.1.1, RFC 5321 §4.5.3.1.6)."""


def canonical(content: bytes) -> bytes:
    """The content with every line ended by CRLF, the last one too (RFC 5321 §2.3.8). The same object where nothing is to do."""
    pairs = content.count(b"\r\n")
    if content.count(b"\n") != pairs or content.count(b"\r") != pairs:
        content = _BARE.sub(b"\r\n", content)
    return content if content.endswith(b"\r\n") or not content else content + b"\r\n"


def dot_stuffed(content: bytes) -> bytes:
    """Canonical content as DATA sends it: leading dots doubled, then the final dot (RFC 5321 §4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def dot_stuffed_pieces(content: bytes, octets: int) -> Iterator[memoryview]:
    """`dot_stuffed` without the final dot, made piece by piece of so many octets of content, 2 or more, as they are asked for."""
    for start in range(0, len(content), octets):
        # Each piece is made with the two octets before it, which tell whether a dot at its head begins a line.
        piece = content[start - 2 : start + octets] if start else b"\r\n" + content[:octets]
        yield memoryview(piece.replace(b"\r\n.", b"\r\n.."))[2:]


def has_long_line(content: bytes, start: int = 0, end: int | None = None) -> bool:
    """Whether a line is longer than MAX_LINE; looks at one byte in a thousand or so."""
    limit = len(content) if end is None else end
    position = start
    while limit - position > MAX_LINE:
        line_end = content.rfind(b"\n", position, min(position + MAX_LINE + 2, limit))
        if line_end < 0:
            return True
        position = line_end + 1
    return False
