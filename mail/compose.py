"""How do fields become a message? A draft from JSON or GraphQL to RFC 5322 bytes, which then go the same way as all others.

What is composed needs no conversion later: ASCII only, CRLF, no line over 998, text as quoted-printable or base64 where
it needs to be. Date, Message-ID and Received are not made here but by the finishing steps, as for every message
(`mail.wire.message`).

Whoever fills a field must not be able to add another one: control characters are refused with the path of the field,
never repaired. Every refusal is a LiveryError of kind INVALID.
"""

import hashlib
import re
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass

from kit.errors import invalid
from mail.wire import encoded, mime
from mail.wire.address import AddressError, Mailbox, parse_mailbox
from mail.wire.lines import canonical, has_long_line

MOST_RECIPIENTS = 1_000
MOST_HEADERS = 100
MOST_ATTACHMENTS = 100
LONGEST_TEXT = 2_000
"""Characters of a subject, a name or a header value."""
LONGEST_TAG = 100
"""Characters of a tag, and of the name of a template or footer."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels along."""

    name: str
    """File name as the recipient sees it; any characters but control characters and slashes."""
    content_type: str
    """type/subtype, e.g. "application/pdf"."""
    content: bytes
    content_id: str | None = None
    """Set: shown inline where the HTML says cid:…; without brackets."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants to send."""

    sender: str
    """Address or "Name <address>"; becomes From and the envelope's sender."""
    to: Sequence[str] = ()
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    reply_to: str | None = None
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    """Further fields, name and value; those that this module or the finishing steps make are refused."""
    attachments: Sequence[Attachment] = ()
    steering: "Steering | None" = None
    """What is to be done to it on the way out."""


@dataclass(frozen=True, slots=True)
class Steering:
    """What a message says of itself to us (`mail.treatments`), in fields that never leave the house; None: nothing."""

    tag: str | None = None
    """What it is filed under."""
    template: str | None = None
    """Name or id, or "none"."""
    footer: str | None = None
    track_opens: bool | None = None
    track_clicks: bool | None = None


@dataclass(frozen=True, slots=True)
class Composed:
    """A message and its envelope."""

    content: bytes
    sender: str
    recipients: tuple[str, ...]
    """To, Cc and Bcc in that order, each address once."""
    smtputf8: bool
    """An address has characters beyond ASCII before its @, so every hop must know SMTPUTF8 (RFC 6531)."""


def compose(draft: Draft) -> Composed:
    """Write the message. Raises LiveryError INVALID, whose field names the input at fault, e.g. ("to", "3")."""
    sender_name, sender = _person(draft.sender, "sender")
    lists = {kind: _people(getattr(draft, kind), kind) for kind in ("to", "cc", "bcc")}
    recipients = tuple(dict.fromkeys(str(mailbox) for people in lists.values() for _, mailbox in people))
    if not recipients:
        raise invalid("A message needs a recipient.", "to", next="Give at least one address in to, cc or bcc.")
    if len(recipients) > MOST_RECIPIENTS:
        raise invalid(f"A message takes {MOST_RECIPIENTS} recipients at most.", "to", next="Send it in several parts.")
    if draft.text is None and draft.html is None:
        raise invalid("A message needs a text.", "text", next="Give text, html or both.")

    fields = [encoded.folded("From", _written(sender_name, sender))]
    if draft.reply_to is not None:
        fields.append(encoded.folded("Reply-To", _written(*_person(draft.reply_to, "replyTo"))))
    for name, kind in (("To", "to"), ("Cc", "cc")):
        if lists[kind]:
            fields.append(encoded.folded(name, ", ".join(_written(*person) for person in lists[kind])))
    if not lists["to"] and not lists["cc"]:
        fields.append(
            b"To: undisclosed-recipients:;\r\n"
        )  # RFC 5322 §3.4; a header without destination looks like spam
    fields.append(encoded.folded("Subject", encoded.unstructured(_line(draft.subject, "subject").strip())))
    fields += _steering(draft.steering or Steering())  # before what says the same among the other fields
    fields += _further(draft.headers)
    fields.append(b"MIME-Version: 1.0\r\n")
    mailboxes = [sender, *(mailbox for people in lists.values() for _, mailbox in people)]
    return Composed(
        content=b"".join(fields) + _body(draft),
        sender=str(sender),
        recipients=recipients,
        smtputf8=not all(mailbox.ascii for mailbox in mailboxes),
    )


# -- the header

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}\Z")
_OURS = re.compile(
    r"(?:from|sender|to|cc|bcc|reply-to|subject|mime-version|content-(?!language\Z).*|received|return-path|resent-.*|dkim-signature|"
    r"arc-.*|authentication-results|delivered-to|x-original-to)\Z"
)
_ONCE = frozenset(
    {"date", "message-id", "in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post", "content-language"}
)


def _line(text: str, *field: str) -> str:
    """Text for one header field; refuses whatever could end the line, and what no UTF-8 can carry."""
    if len(text) > LONGEST_TEXT:
        raise invalid(f"This is longer than {LONGEST_TEXT} characters.", *field)
    if _CONTROL.search(text):
        raise invalid("This must not contain line breaks or control characters.", *field)
    return _encodable(text, *field)


def _encodable(text: str, *field: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid("This is not well-formed Unicode text.", *field) from None
    return text


def _person(text: str, *field: str) -> tuple[str, Mailbox]:
    """A display name, perhaps "", and a mailbox."""
    text = _line(text, *field).strip()
    name, address = "", text
    if text.endswith(">"):
        name, _, address = text[:-1].rpartition("<")
        name = name.strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    try:
        return name, parse_mailbox(address.strip())
    except AddressError as fault:
        raise invalid(f"This is no e-mail address: {fault}.", *field, next="Write user@shop.test.") from None


def _people(texts: Sequence[str], field: str) -> list[tuple[str, Mailbox]]:
    if len(texts) > MOST_RECIPIENTS:
        raise invalid(f"A message takes {MOST_RECIPIENTS} recipients at most.", field, next="Send it in several parts.")
    return [_person(text, field, str(place)) for place, text in enumerate(texts)]


def _written(name: str, mailbox: Mailbox) -> str:
    return f"{encoded.phrase(name)} <{mailbox}>" if name else str(mailbox)


def _steering(steering: Steering) -> list[bytes]:
    said = {
        "X-Lv-Tag": ("tag", steering.tag),
        "X-Lv-Template": ("template", steering.template),
        "X-Lv-Footer": ("footer", steering.footer),
        "X-Lv-Track-Opens": ("trackOpens", _yes(steering.track_opens)),
        "X-Lv-Track-Clicks": ("trackClicks", _yes(steering.track_clicks)),
    }
    fields = []
    for name, (field, value) in said.items():
        if value is not None:
            line = _line(value, field).strip()
            if not 1 <= len(line) <= LONGEST_TAG:
                raise invalid(f"This has 1 to {LONGEST_TAG} characters.", field)
            fields.append(encoded.folded(name, encoded.unstructured(line)))
    return fields


def _yes(switch: bool | None) -> str | None:
    return None if switch is None else "yes" if switch else "no"


def _further(headers: Sequence[tuple[str, str]]) -> list[bytes]:
    if len(headers) > MOST_HEADERS:
        raise invalid(f"A message takes {MOST_HEADERS} header fields of yours at most.", "headers")
    fields: list[bytes] = []
    seen: set[str] = set()
    for place, (name, value) in enumerate(headers):
        key = name.lower()
        if not _FIELD_NAME.match(name):
            raise invalid("A header's name is made of letters, digits and hyphens.", "headers", str(place), "name")
        if _OURS.match(key):
            raise invalid(f"{name} is written from the other fields of the message.", "headers", str(place), "name")
        if key in _ONCE and key in seen:
            raise invalid(f"{name} can stand in a message only once.", "headers", str(place), "name")
        seen.add(key)
        line = _line(value, "headers", str(place), "value").strip()
        fields.append(encoded.folded(name, encoded.unstructured(line)))
    return fields


# -- the body; each function gives a part: its own header fields, an empty line, its content

_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\Z")
_CONTENT_ID = re.compile(r"[!#-;=?-~]{1,200}\Z")


def _body(draft: Draft) -> bytes:
    """multipart/mixed( multipart/alternative( text, multipart/related( html, inline … ) ), attachments … )"""
    if len(draft.attachments) > MOST_ATTACHMENTS:
        raise invalid(f"A message takes {MOST_ATTACHMENTS} attachments at most.", "attachments")
    files = [(file, _file(file, place)) for place, file in enumerate(draft.attachments)]
    # Without HTML there is nothing that could show a file inline.
    inline = [part for file, part in files if file.content_id is not None and draft.html is not None]
    attached = [part for file, part in files if file.content_id is None or draft.html is None]
    bodies: list[bytes] = []
    if draft.text is not None:
        bodies.append(_text(draft.text, "plain"))
    if draft.html is not None:
        html = _text(draft.html, "html")
        bodies.append(_multipart('related; type="text/html"', [html, *inline]) if inline else html)
    body = _multipart("alternative", bodies) if len(bodies) > 1 else bodies[0]
    return _multipart("mixed", [body, *attached]) if attached else body


def _text(text: str, subtype: str) -> bytes:
    raw = canonical(_encodable(text, "text" if subtype == "plain" else "html").encode("utf-8"))
    if raw.isascii() and b"\0" not in raw and not has_long_line(raw):
        encoding = b"7bit"
    else:
        raw, encoding = mime.encode(raw, text=True)
    return (
        b"Content-Type: text/%s; charset=utf-8\r\n" % subtype.encode("ascii")
        + b"Content-Transfer-Encoding: %s\r\n\r\n" % encoding
        + raw
    )


def _file(file: Attachment, place: int) -> bytes:
    at = ("attachments", str(place))
    content_type = file.content_type.strip().lower()
    if not _TYPE.match(content_type) or content_type.startswith("multipart/"):
        raise invalid("This is no type of a file.", *at, "contentType", next="Write application/pdf, for example.")
    name = _line(file.name, *at, "name").strip()
    if not name or "/" in name or "\\" in name:
        raise invalid("A file needs a name without slashes.", *at, "name")
    disposition = "attachment" if file.content_id is None else "inline"
    fields = [
        encoded.folded("Content-Type", f"{content_type}; {encoded.parameter('name', name)}"),
        encoded.folded("Content-Disposition", f"{disposition}; {encoded.parameter('filename', name)}"),
    ]
    if file.content_id is not None:
        if not _CONTENT_ID.match(file.content_id):
            raise invalid("A content id is made of ASCII letters, digits and @.-_", *at, "contentId")
        fields.append(b"Content-ID: <%s>\r\n" % file.content_id.encode("ascii"))
    if content_type == "message/rfc822":
        # RFC 2046 §5.2.1: no encoding but 7bit (or 8bit) is allowed here, so the message inside is what gets narrowed.
        return b"".join([*fields, b"\r\n", mime.narrow(canonical(file.content), eight_bit=False)])
    fields.append(b"Content-Transfer-Encoding: base64\r\n\r\n")
    return b"".join([*fields, encodebytes(file.content).replace(b"\n", b"\r\n")])


def _multipart(subtype: str, parts: Sequence[bytes]) -> bytes:
    # A digest of the parts cannot stand in one of them, so the boundary needs no search and the same draft gives the
    # same bytes. "=_" stands in no quoted-printable or base64 either (RFC 2045 §6.7).
    digest = hashlib.sha256(b"\0".join([subtype.encode("ascii"), *parts])).hexdigest()[:32]
    boundary = f"=_{digest}".encode("ascii")
    pieces = [encoded.folded("Content-Type", f'multipart/{subtype}; boundary="{boundary.decode("ascii")}"'), b"\r\n"]
    for part in parts:
        # The CRLF before a boundary belongs to it (RFC 2046 §5.1.1), so a part's own last one needs another behind it.
        pieces += [b"--", boundary, b"\r\n", part, b"\r\n"]
    return b"".join([*pieces, b"--", boundary, b"--\r\n"])
