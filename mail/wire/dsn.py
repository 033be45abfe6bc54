"""How is a sender told that mail was not delivered? By a delivery status notification: what it says, byte by byte.

    multipart/report              RFC 6522
      text/plain                  for people
      message/delivery-status     for programs (RFC 3464): one block for the message, one for each recipient
      the message, or its header  what it was about; the whole of it only where that is asked for

What somebody wrote into ORCPT and ENVID comes back here, so nothing of it may begin another line: what cannot be printed
is left out. Addresses and headers beyond ASCII are written as RFC 6533 has them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mail.wire import headers
from mail.wire.lines import canonical
from mail.wire.message import hidden

_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNPRINTABLE = re.compile(r"[^ -~]")
_MESSAGE_ID = re.compile(rb"<[!-;=?-~]{1,900}>")  # what can stand in References as it is (RFC 5322 §3.6.4)


@dataclass(frozen=True, slots=True)
class Failed:
    """A recipient that did not get the message, and never will."""

    address: str
    orcpt: str | None
    """ORCPT as given: type;xtext (RFC 3461 §4.2)."""
    status: str
    """RFC 3463, e.g. 4.4.7."""


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to tell about one message."""

    host: str
    """Who tells it: a name without the dot at the end."""
    to: str
    """The envelope sender of the message."""
    id: str
    """Of the report: letters and digits that nobody could know when the message was written."""
    words: str
    """What people should know, lines parted by \\n."""
    envid: str | None
    """ENVID as given, in xtext (RFC 3461 §4.4)."""
    arrived: datetime
    failed: Sequence[Failed]


def wanted(notify: str | None) -> bool:
    """Whether a recipient's NOTIFY asks for the report of a failure; none asks for it too (RFC 3461 §4.1)."""
    return notify is None or "FAILURE" in notify.split(",")


def write(report: Report, content: bytes, *, whole: bool) -> bytes:
    """The report about a message with this content, complete but for Date, Message-ID and Received.

    It returns the header of the message, or with `whole` all of it; of `content` no more is needed. Bcc stays out of it,
    as it stays out of what is sent.
    """
    original = headers.edit(headers.scan(canonical(content)), drop=hidden)
    head = headers.scan(original)
    returned = original if whole else original[: head.end]
    boundary = f"report-{report.id}"
    parts = [
        _part("text/plain; charset=utf-8", report.words.replace("\n", "\r\n").encode()),
        _part("message/delivery-status", _status(report).encode("ascii")),
        _part(_kind(original[: head.end], whole), returned),
    ]
    eight_bit = not all(part.isascii() for part in parts)
    fields = [
        f"From: Mail Delivery System <mailer-daemon@{report.host}>",
        f"To: <{report.to}>",
        "Subject: Your message could not be delivered",
        "Auto-Submitted: auto-replied",  # RFC 3834 §5
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f'\tboundary="{boundary}"',
        f"Content-Transfer-Encoding: {'8bit' if eight_bit else '7bit'}",
    ]
    if (id := _MESSAGE_ID.fullmatch(head.get("message-id") or b"")) is not None:
        fields[3:3] = [f"In-Reply-To: {id[0].decode()}", f"References: {id[0].decode()}"]
    line = f"--{boundary}".encode()
    pieces = ["\r\n".join(fields).encode(), b"\r\n\r\n"]
    for part in parts:
        pieces += [line, b"\r\n", part, b"\r\n"]
    return b"".join([*pieces, line, b"--\r\n"])


def _part(kind: str, body: bytes) -> bytes:
    encoding = b"" if body.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return b"Content-Type: %s\r\n%s\r\n%s" % (kind.encode(), encoding, body)


def _kind(header: bytes, whole: bool) -> str:
    """The type of what is returned: a header beyond ASCII has types of its own (RFC 6533 §4, §5)."""
    if header.isascii():
        return "message/rfc822" if whole else "text/rfc822-headers"
    return "message/global" if whole else "message/global-headers"


def _status(report: Report) -> str:
    """RFC 3464 §2: the fields about the message, then those about each recipient, parted by empty lines."""
    blocks = [[f"Reporting-MTA: dns; {report.host}", f"Arrival-Date: {format_datetime(report.arrived)}"]]
    if report.envid is not None and (envid := _decoded(report.envid)) is not None:
        blocks[0].insert(0, f"Original-Envelope-Id: {envid}")
    for one in report.failed:
        lines = [f"Final-Recipient: {_typed(one.address)}", "Action: failed", f"Status: {one.status}"]
        if one.orcpt is not None and (original := _original(one.orcpt)) is not None:
            lines.insert(0, f"Original-Recipient: {original}")
        blocks.append(lines)
    return "\r\n\r\n".join("\r\n".join(lines) for lines in blocks) + "\r\n"


def _typed(address: str) -> str:
    return f"rfc822; {address}" if address.isascii() else f"utf-8; {_escaped(address)}"


def _original(orcpt: str) -> str | None:
    kind, _, address = orcpt.partition(";")
    if kind.lower() == "utf-8":
        return f"utf-8; {_escaped(address)}" if _UNPRINTABLE.search(_escaped(address)) is None else None
    decoded = _decoded(address)
    return None if decoded is None else f"{kind}; {decoded}"


def _decoded(xtext: str) -> str | None:
    """RFC 3461 §4: what xtext means; None where that cannot be printed on one line of ASCII."""
    text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), xtext)
    return None if _UNPRINTABLE.search(text) else text


def _escaped(address: str) -> str:
    """RFC 6533 §3 utf-8-addr-xtext: characters beyond ASCII as \\x{…}."""
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\x{{{ord(found[0]):02X}}}", address)
