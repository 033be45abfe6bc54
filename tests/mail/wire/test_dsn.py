"""What does a report of a failure say? To the byte: RFC 3461 §6, RFC 3464, RFC 6522, RFC 6533."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

import pytest

from mail.wire import dsn
from mail.wire.dsn import Failed, Report

ORIGINAL = (
    b"From: user@shop.test\r\n"
    b"Bcc: secret@far.test\r\n"
    b"X-LV-Tag: ours\r\n"
    b"Subject: Hello\r\n"
    b"Message-ID: <one@shop.test>\r\n"
    b"\r\n"
    b"Hi\r\n"
)


def report(*failed: Failed, to: str = "user@shop.test", envid: str | None = None) -> Report:
    return Report(
        host="mx.neutral.test",
        to=to,
        id="0a1b",
        words="It was not sent to:\n\n    a@far.test\n",
        envid=envid,
        arrived=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
        failed=failed or (Failed("a@far.test", None, "4.4.7"),),
    )


def status_of(written: bytes) -> str:
    """The lines for programs, from "Content-Type: message/delivery-status" on."""
    part = written.split(b"--report-0a1b")[2]
    return part.partition(b"\r\n\r\n")[2].decode("ascii")


def test_a_report_is_three_parts_and_returns_the_header() -> None:
    failed = (
        Failed("a@far.test", "rfc822;A+2Bb@Far.test", "4.4.7"),
        Failed("b@far.test", None, "4.4.7"),
    )
    assert dsn.write(report(*failed, envid="order+2B7"), ORIGINAL, whole=False) == (
        b"From: Mail Delivery System <mailer-daemon@mx.neutral.test>\r\n"
        b"To: <user@shop.test>\r\n"
        b"Subject: Your message could not be delivered\r\n"
        b"In-Reply-To: <one@shop.test>\r\n"
        b"References: <one@shop.test>\r\n"
        b"Auto-Submitted: auto-replied\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status;\r\n"
        b'\tboundary="report-0a1b"\r\n'
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"--report-0a1b\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"\r\n"
        b"It was not sent to:\r\n\r\n    a@far.test\r\n"
        b"\r\n"
        b"--report-0a1b\r\n"
        b"Content-Type: message/delivery-status\r\n"
        b"\r\n"
        b"Original-Envelope-Id: order+7\r\n"
        b"Reporting-MTA: dns; mx.neutral.test\r\n"
        b"Arrival-Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
        b"\r\n"
        b"Original-Recipient: rfc822; A+b@Far.test\r\n"
        b"Final-Recipient: rfc822; a@far.test\r\n"
        b"Action: failed\r\n"
        b"Status: 4.4.7\r\n"
        b"\r\n"
        b"Final-Recipient: rfc822; b@far.test\r\n"
        b"Action: failed\r\n"
        b"Status: 4.4.7\r\n"
        b"\r\n"
        b"--report-0a1b\r\n"
        b"Content-Type: text/rfc822-headers\r\n"
        b"\r\n"
        b"From: user@shop.test\r\n"
        b"Subject: Hello\r\n"
        b"Message-ID: <one@shop.test>\r\n"
        b"\r\n"
        b"--report-0a1b--\r\n"
    )


def test_other_programs_read_it_and_find_the_whole_message_where_it_was_asked_for() -> None:
    content = ORIGINAL.replace(b"Hi\r\n", "Grüße, without an end of line".encode())
    read = message_from_bytes(dsn.write(report(), content, whole=True), policy=SMTP)
    assert read.get_content_type() == "multipart/report"
    assert read["Content-Transfer-Encoding"] == "8bit"
    _, status, original = read.iter_parts()  # type: ignore[attr-defined]
    assert [block["Action"] for block in status.get_payload()] == [None, "failed"]
    assert original.get_content_type() == "message/rfc822"
    (inner,) = original.get_payload()
    assert inner["Bcc"] is None
    assert inner.get_payload(decode=True) == "Grüße, without an end of line\r\n".encode()


@pytest.mark.parametrize(
    ("orcpt", "said"),
    [
        ("rfc822;a@far.test", "Original-Recipient: rfc822; a@far.test"),
        ("x-id;user+20one", "Original-Recipient: x-id; user one"),
        ("rfc822;a+0D+0AAction:+20delivered", None),  # another line
        ("rfc822;a+00b", None),
        ("utf-8;ä@far.test", "Original-Recipient: utf-8; \\x{E4}@far.test"),
        ("utf-8;\\x{E4}@far.test", "Original-Recipient: utf-8; \\x{E4}@far.test"),
    ],
)
def test_what_a_sender_wrote_begins_no_line_of_its_own(orcpt: str, said: str | None) -> None:
    lines = status_of(dsn.write(report(Failed("a@far.test", orcpt, "4.4.7")), ORIGINAL, whole=False)).split("\r\n")
    assert [line for line in lines if line.startswith("Original-Recipient")] == ([said] if said else [])
    assert [line for line in lines if line.startswith("Action")] == ["Action: failed"]
    lines = status_of(dsn.write(report(envid="x+0D+0AX:+20y"), ORIGINAL, whole=False)).split("\r\n")
    assert lines[0] == "Reporting-MTA: dns; mx.neutral.test"


def test_a_message_id_that_is_none_is_not_answered() -> None:
    for id in (b"", b"Message-ID: <a b>\r\n", b"Message-ID: =?utf-8?q?x?=\r\n"):
        written = dsn.write(report(), b"From: a@x.test\r\n" + id + b"\r\n", whole=False)
        assert b"References" not in written


def test_addresses_and_headers_beyond_ascii_have_forms_of_their_own() -> None:
    content = "From: ä@shop.test\r\n\r\nHi\r\n".encode()
    written = dsn.write(report(Failed("ü@far.test", None, "4.4.7"), to="ä@shop.test"), content, whole=False)
    assert "\r\nTo: <ä@shop.test>\r\n".encode() in written
    assert "Final-Recipient: utf-8; \\x{FC}@far.test" in status_of(written)
    assert b"Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n" in written
    assert b"Content-Type: message/global\r\n" in dsn.write(report(), content, whole=True)


@pytest.mark.parametrize(
    ("notify", "wanted"),
    [(None, True), ("FAILURE", True), ("SUCCESS,FAILURE,DELAY", True), ("NEVER", False), ("SUCCESS,DELAY", False)],
)
def test_who_asks_for_no_report_of_a_failure_gets_none(notify: str | None, wanted: bool) -> None:
    assert dsn.wanted(notify) is wanted
