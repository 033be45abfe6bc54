"""What happens to a message on its way out? The finishing steps, in order, signing last; all else stays byte for byte.

    hidden      Bcc goes (RFC 5322 §3.6.3), Return-Path goes (RFC 5321 §4.4), our control fields go
    identity    a missing Date and Message-ID are added (RFC 5322 §3.6.1, §3.6.4; RFC 6409 §8.2, §8.3)
    trace       Received is put on top (RFC 5321 §4.4)
    narrow      8-bit becomes 7-bit where the hop needs it, and overlong lines are re-encoded (`mail.wire.mime`)
    sign        DKIM, over everything above (RFC 6376 §5)

The submitted bytes themselves are never changed: `finish` gives a new message each time it is asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mail.wire import dkim, mime
from mail.wire.headers import Field, edit, scan
from mail.wire.lines import canonical

CONTROL_PREFIX = "x-lv-"
"""Fields by which a client steers us; they never leave the house."""

HIDDEN = frozenset({"bcc", "resent-bcc", "return-path"})


@dataclass(frozen=True, slots=True)
class Finishing:
    """What the finishing steps need to know about one message."""

    trace: str
    """Text of the Received field after its name, as the door made it, e.g. "from x by y with ESMTPSA id …; date"."""
    date: datetime
    """When it was accepted (aware); becomes Date where the sender gave none."""
    message_id: str
    """id-left@id-right without brackets; becomes Message-ID where the sender gave none."""
    keys: Sequence[dkim.SigningKey] = ()
    """Signs with each, first key topmost. Empty: not signed."""
    fields: Sequence[bytes] = ()
    """Whole fields to be put on top, CRLF included."""


def finish(content: bytes, plan: Finishing, *, eight_bit: bool = True) -> bytes:
    """The message as it goes out; `eight_bit` says whether the next hop takes 8BITMIME. Never fails on malformed mail.

    Raises dkim.UnusableKey. Takes milliseconds for messages beyond 256 KB: call it off the event loop then.
    """
    ready = mime.narrow(outward(canonical(content), plan), eight_bit=eight_bit)
    head = scan(ready)
    signatures = [dkim.sign(head, key) for key in plan.keys]
    return b"".join([*signatures, ready]) if signatures else ready


def outward(content: bytes, plan: Finishing) -> bytes:
    """Steps hidden, identity and trace in one pass over the header of canonical content."""
    head = scan(content)
    present = {field.key for field in head.fields}
    added = [*([trace_field(plan.trace)] if plan.trace else []), *plan.fields]
    if "date" not in present:
        added.append(b"Date: %s\r\n" % format_datetime(plan.date).encode("ascii"))
    if "message-id" not in present:
        added.append(b"Message-ID: <%s>\r\n" % plan.message_id.encode("ascii"))
    return edit(head, drop=hidden, first=added)


def hidden(field: Field) -> bool:
    """Whether a field is for the sender's side alone."""
    return field.key in HIDDEN or field.key.startswith(CONTROL_PREFIX)


def trace_field(trace: str) -> bytes:
    """A Received field, folded before its clauses where it is long. Line breaks in `trace` count as spaces."""
    words = trace.encode("utf-8").split()
    lines: list[bytes] = [b"Received:"]
    for word in words:
        # Fold before the next clause (RFC 5321 §4.4) once a line is comfortably full (RFC 5322 §2.1.1: 78 at most).
        if len(lines[-1]) + 1 + len(word) > 76 or (word in (b"by", b"for", b"with") and len(lines[-1]) > 40):
            lines.append(b"\t" + word)
        else:
            lines[-1] += b" " + word
    return b"\r\n".join(lines) + b"\r\n"
