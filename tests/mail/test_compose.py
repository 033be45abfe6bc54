"""Does a draft become the message it describes, and can no field break out of its place?"""

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import Kind, LiveryError
from mail.compose import Attachment, Composed, Draft, compose
from mail.wire.headers import author, scan
from mail.wire.lines import canonical, has_long_line

DRAFT = Draft(sender="Shop <user@shop.test>", to=("b@far.test",), subject="Hello", text="Hi\nthere\n")


def parsed(composed: Composed) -> EmailMessage:
    message = email.message_from_bytes(composed.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def refused(draft: Draft) -> LiveryError:
    with pytest.raises(LiveryError) as caught:
        compose(draft)
    assert caught.value.kind is Kind.INVALID
    return caught.value


def test_a_plain_draft_is_a_plain_message() -> None:
    assert compose(DRAFT) == Composed(
        content=(
            b"From: Shop <user@shop.test>\r\nTo: b@far.test\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHi\r\nthere\r\n"
        ),
        sender="user@shop.test",
        recipients=("b@far.test",),
        smtputf8=False,
    )


def test_names_and_subjects_in_any_script_arrive() -> None:
    composed = compose(
        replace(
            DRAFT,
            sender="Müller, Jürgen <user@shop.test>",
            to=('"Q, R" <q@far.test>', "שלום <s@far.test>", "p@far.test"),
            subject="Привет, 世界 " * 30,
        )
    )
    message = parsed(composed)
    assert message["Subject"] == ("Привет, 世界 " * 30).strip()
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [
        ("Q, R", "q@far.test"),
        ("שלום", "s@far.test"),
        ("", "p@far.test"),
    ]
    assert message["From"].addresses[0].display_name == "Müller, Jürgen"
    assert composed.content.isascii()
    assert str(author(scan(composed.content)).mailbox) == "user@shop.test"


def test_blind_copies_receive_it_and_are_not_named() -> None:
    composed = compose(replace(DRAFT, cc=("c@far.test",), bcc=("hidden@far.test", "b@far.test")))
    assert composed.recipients == ("b@far.test", "c@far.test", "hidden@far.test")
    assert b"hidden" not in composed.content
    assert compose(replace(DRAFT, to=(), bcc=("x@far.test",))).content.count(b"To: undisclosed-recipients:;\r\n") == 1


def test_text_html_pictures_and_files_stand_where_readers_look_for_them() -> None:
    composed = compose(
        replace(
            DRAFT,
            html='<p>grüße <img src="cid:logo"></p>',
            attachments=(
                Attachment("logo.png", "image/png", b"\x89PNG\0", "logo"),
                Attachment("größe.pdf", "application/pdf", b"%PDF" * 100),
                Attachment("old.eml", "message/rfc822", "Subject: inner\n\ngrüße\n".encode()),
            ),
        )
    )
    message = parsed(composed)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf", "message/rfc822", "text/plain",
    ]  # fmt: skip
    html = message.get_body(("html",))
    assert html is not None
    assert html.get_content().splitlines() == ['<p>grüße <img src="cid:logo"></p>']
    pdf, inner = message.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content()) == ("größe.pdf", b"%PDF" * 100)
    assert inner.get_content()["Subject"] == "inner"
    picture = list(message.walk())[5]
    assert (picture["Content-ID"], picture.get_content()) == ("<logo>", b"\x89PNG\0")


def test_everything_composed_fits_the_narrowest_road() -> None:
    composed = compose(replace(DRAFT, text="x" * 5000 + "\n.\nFrom me\n ü\n\n", html="<p>" + "ä" * 3000))
    assert composed.content.isascii()
    assert not has_long_line(composed.content)
    assert canonical(composed.content) is composed.content


def test_the_same_draft_gives_the_same_bytes() -> None:
    draft = replace(DRAFT, html="<p>x", attachments=(Attachment("a.bin", "application/x-a", b"1"),))
    assert compose(draft) == compose(draft)


def test_fields_of_ones_own_are_added() -> None:
    composed = compose(
        replace(DRAFT, reply_to="R <r@shop.test>", headers=(("X-Tag", "frühling"), ("List-Id", "<a.test>")))
    )
    message = parsed(composed)
    assert (message["Reply-To"], message["X-Tag"], message["List-Id"]) == ("R <r@shop.test>", "frühling", "<a.test>")


def test_an_address_beyond_ascii_needs_smtputf8() -> None:
    composed = compose(replace(DRAFT, to=("jürgen@bücher.test",)))
    assert (composed.recipients, composed.smtputf8) == (("jürgen@xn--bcher-kva.test",), True)


@pytest.mark.parametrize("bad", ["\r\nBcc: evil@far.test", "\nX: 1", "\r", "\0", "\x0b", "\x1b", "\x7f", "\n folded"])
@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("sender", ("sender",)),
        ("to", ("to", "1")),
        ("cc", ("cc", "0")),
        ("bcc", ("bcc", "0")),
        ("reply_to", ("replyTo",)),
        ("subject", ("subject",)),
        ("name", ("headers", "0", "name")),
        ("value", ("headers", "0", "value")),
        ("file", ("attachments", "0", "name")),
        ("type", ("attachments", "0", "contentType")),
        ("cid", ("attachments", "0", "contentId")),
    ],
)
def test_no_field_ends_its_line(field: str, path: tuple[str, ...], bad: str) -> None:
    address = f"A{bad} <a@far.test>"
    drafts = {
        "sender": replace(DRAFT, sender=address),
        "to": replace(DRAFT, to=("b@far.test", address)),
        "cc": replace(DRAFT, cc=(address,)),
        "bcc": replace(DRAFT, bcc=(address,)),
        "reply_to": replace(DRAFT, reply_to=address),
        "subject": replace(DRAFT, subject=f"Hello{bad}"),
        "name": replace(DRAFT, headers=((f"X{bad}", "1"),)),
        "value": replace(DRAFT, headers=(("X-A", f"1{bad}"),)),
        "file": replace(DRAFT, attachments=(Attachment(f"a{bad}", "text/plain", b""),)),
        "type": replace(DRAFT, attachments=(Attachment("a", f"text/plain{bad}x", b""),)),
        "cid": replace(DRAFT, attachments=(Attachment("a", "text/plain", b"", f"c{bad}"),)),
    }
    assert refused(drafts[field]).field == path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"to": ()}, ("to",)),
        ({"to": ("nobody",)}, ("to", "0")),
        ({"to": ("a@far.test", "b@far..test")}, ("to", "1")),
        ({"to": tuple(f"u{n}@far.test" for n in range(1001))}, ("to",)),
        ({"text": None}, ("text",)),
        ({"sender": "Shop"}, ("sender",)),
        ({"subject": "x" * 2001}, ("subject",)),
        ({"subject": "\ud800"}, ("subject",)),
        ({"text": "\ud800"}, ("text",)),
        ({"headers": (("Subject", "x"),)}, ("headers", "0", "name")),
        ({"headers": (("X-A", "1"), ("content-type", "x"))}, ("headers", "1", "name")),
        ({"headers": (("DKIM-Signature", "x"),)}, ("headers", "0", "name")),
        ({"headers": (("Date", "x"), ("date", "y"))}, ("headers", "1", "name")),
        ({"headers": (("X A", "x"),)}, ("headers", "0", "name")),
        ({"attachments": (Attachment("../x", "text/plain", b""),)}, ("attachments", "0", "name")),
        ({"attachments": (Attachment("", "text/plain", b""),)}, ("attachments", "0", "name")),
        ({"attachments": (Attachment("x", "text", b""),)}, ("attachments", "0", "contentType")),
        ({"attachments": (Attachment("x", "multipart/mixed", b""),)}, ("attachments", "0", "contentType")),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_place(change: dict[str, object], path: tuple[str, ...]) -> None:
    assert refused(replace(DRAFT, **change)).field == path  # type: ignore[arg-type]


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=300))
def test_any_text_arrives_or_is_refused(subject: str, name: str, text: str) -> None:
    draft = replace(DRAFT, subject=subject, sender=f"{name} <user@shop.test>", text=text)
    try:
        composed = compose(draft)
    except LiveryError:
        return
    head = scan(composed.content)
    assert [field.key for field in head.fields] == [
        "from", "to", "subject", "mime-version", "content-type", "content-transfer-encoding",
    ]  # fmt: skip
    assert composed.content.isascii()
    assert str(author(head).mailbox) == "user@shop.test"
    body = email.message_from_bytes(composed.content).get_payload(decode=True)
    assert body == canonical(text.encode())
