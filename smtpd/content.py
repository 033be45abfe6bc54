"""Where does a message end, and may its bytes be taken as they are?

Content arrives between DATA and CRLF.CRLF, dot-stuffed (RFC 5321 §4.5.2). Only that one sequence ends it; a lone CR, a
lone LF and NUL never leave this file unnoticed, because a next hop that reads them as line ends would see a second
message that nobody authorised (CVE-2023-51764 and its kin).
"""

import re
from dataclasses import dataclass, field

from smtpd.replies import NO_ROOM, Refused, too_big

_END = b"\r\n.\r\n"

# A mail server that relays headers without bound is a memory hole for everyone behind it; Postfix's figure.
HEADER_BYTES = 102_400
HEADER_LINES = 1_000
# RFC 5322 §2.1.1, without the CRLF.
HEADER_LINE = 998
# RFC 5321 §6.3: a count of at least 100 tells a loop from a long way.
HOPS = 100

_BARE = re.compile(rb"\r\n|\r|\n")


@dataclass
class Content:
    """The content of one DATA command while it arrives. Beyond `limit` octets nothing is kept, only counted."""

    limit: int
    size: int = 0
    kept: int = 0
    bare: bool = False
    nul: bool = False
    dropped: bool = False
    """Nothing is kept any more, because there is no room for it now."""
    _pieces: list[bytes] = field(default_factory=list)
    # What could be the beginning of the end, held back; the line before the first one has ended, so to speak.
    _tail: bytes = b"\r\n"
    _seeded: bool = True

    @property
    def too_big(self) -> bool:
        """Whether more octets have come than the limit allows (RFC 1870 §6.3)."""
        return self.size > self.limit

    def feed(self, chunk: bytes) -> bytes | None:
        """Take what arrived. Returns None while the end has not come, else what was pipelined behind it."""
        work = self._tail + chunk
        end = work.find(_END)
        if end >= 0:
            self._keep(work[: end + 2])
            self._tail = b""
            return work[end + 5 :]
        held = _held(work)
        self._tail = work[len(work) - held :] if held else b""
        self._keep(work[: len(work) - held] if held else work)
        return None

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        # `piece` never splits a CRLF or CRLF-dot: those wait in the tail. So counts of pieces add up.
        ends = piece.count(b"\r\n")
        if piece.count(b"\n") != ends or piece.count(b"\r") != ends:
            self.bare = True
        if b"\0" in piece:
            self.nul = True
        piece = piece.replace(b"\r\n.", b"\r\n")  # RFC 5321 §4.5.2: the first dot of a line goes
        if self._seeded:
            piece = piece[2:]
            self._seeded = False
        self.size += len(piece)
        if self.too_big or self.dropped:
            self._pieces.clear()
            self.kept = 0
        else:
            self._pieces.append(piece)
            self.kept += len(piece)

    def take(self) -> bytes:
        """Return the whole content, lines ended by CRLF, and forget it."""
        whole = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return whole


def _held(work: bytes) -> int:
    for size in (4, 3, 2, 1):
        if work.endswith(_END[:size]):
            return size
    return 0


def examined(content: Content, *, normalise: bool) -> bytes:
    """Return the bytes to accept, or raise Refused: too big, bare line ends, NUL, headers beyond reason, a loop.

    With `normalise` a bare CR or LF becomes CRLF; NUL is refused all the same, it stands for no line end.
    """
    if content.too_big:
        raise Refused(too_big(content.limit))
    if content.dropped:
        raise Refused(NO_ROOM)
    if content.nul:
        raise Refused("550 5.6.0 The message has a NUL byte, which mail cannot carry: encode it as base64")
    data = content.take()
    if content.bare:
        if not normalise:
            raise Refused("550 5.6.0 The message has a bare CR or LF: end every line with CRLF")
        data = _BARE.sub(b"\r\n", data)
    _examine_header(data)
    return data


def _examine_header(data: bytes) -> None:
    if data.startswith(b"\r\n"):
        return  # no header at all: intake adds what is needed
    end = data.find(b"\r\n\r\n", 0, HEADER_BYTES + 4)
    if end < 0 and len(data) > HEADER_BYTES:
        raise Refused(f"552 5.3.4 The header is longer than {HEADER_BYTES} bytes: shorten it")
    header = data[:end] if end >= 0 else data
    lines = header.split(b"\r\n")
    if len(lines) > HEADER_LINES:
        raise Refused(f"552 5.3.4 The header has more than {HEADER_LINES} lines: shorten it")
    # Without an empty line nobody can say where the header ends, and a long line may well be text.
    if end >= 0 and max(map(len, lines)) > HEADER_LINE:
        raise Refused(f"550 5.6.0 A header line is longer than {HEADER_LINE} characters: fold it (RFC 5322 2.2.3)")
    if header.lower().count(b"\nreceived:") >= HOPS:
        raise Refused("554 5.4.6 Too many hops: this message is going round in circles")
