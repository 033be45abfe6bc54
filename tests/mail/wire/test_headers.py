"""Is the header read in linear time, changed without touching the rest, and is its author never guessed?"""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.wire.headers import author, date_of, decode, edit, mailboxes, prepend, remove, scan

MESSAGE = (
    b"Received: from a\r\n\tby b\r\nFrom: A <a@shop.test>\r\nSubject:  =?utf-8?q?gr=C3=BC?=\r\n =?utf-8?q?=C3=9Fe?= you\r\n"
    b"X-Odd : spaced\r\nBCC: x@y.test\r\nbcc:\r\n z@y.test\r\n\r\nFrom: not a header\r\n"
)


def test_fields_are_found_where_they_lie() -> None:
    head = scan(MESSAGE)
    assert [field.key for field in head.fields] == ["received", "from", "subject", "x-odd", "bcc", "bcc"]
    assert MESSAGE[head.body :] == b"From: not a header\r\n"
    assert head.get("X-ODD") == b"spaced"
    assert head.get("received") == b"from a\tby b"
    assert head.shown("subject") == "grüße you"
    assert head.shown("absent") == ""


def test_removing_takes_whole_fields_and_nothing_else() -> None:
    without = remove(MESSAGE, {"bcc"})
    assert without == MESSAGE.replace(b"BCC: x@y.test\r\nbcc:\r\n z@y.test\r\n", b"")


def test_prepending_leaves_the_rest_byte_for_byte() -> None:
    assert prepend(MESSAGE, b"A: 1\r\n", b"B: 2\r\n") == b"A: 1\r\nB: 2\r\n" + MESSAGE


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b"A: 1\r\nno colon\r\nB: 2\r\n\r\nx", b"no colon\r\nB: 2\r\n\r\nx"),
        (b"\r\nbody", b"body"),
        (b" folded first\r\nA: 1\r\n", b" folded first\r\nA: 1\r\n"),
        (b"A: 1\r\n", b""),
        (b"A: 1", b""),
        (b"", b""),
        (b"A: 1\n\nlf only\n", b"lf only\n"),
        ("Ä: 1\r\n\r\n".encode(), "Ä: 1\r\n\r\n".encode()),
    ],
)
def test_the_header_ends_before_what_is_no_field(content: bytes, body: bytes) -> None:
    head = scan(content)
    assert content[head.body :] == body


def test_an_unclosed_header_gets_its_empty_line() -> None:
    assert prepend(b"A: 1\r\nbody it is\r\n", b"B: 2\r\n") == b"B: 2\r\nA: 1\r\n\r\nbody it is\r\n"


@given(st.binary(max_size=300))
def test_any_bytes_survive_a_scan_and_an_edit_that_does_nothing(content: bytes) -> None:
    head = scan(content)
    assert head.end <= head.body <= len(content)
    made = edit(head)
    assert made == content if head.closed else made.replace(b"\r\n", b"") == content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?B?w7w=?= =?utf-8?Q?=C3?= =?utf-8?q?=BC_x?= y", "üü x y"),
        (b"=?iso-8859-1?q?caf=E9?=!", "café!"),
        (b"=?utf-8*de?q?h=C3=B6?=", "hö"),
        (b"=?unknown?q?x?=", "x"),
        (b"=?utf-8?b?!!!?=", ""),
        ("roh grüße".encode(), "roh grüße"),
        (b"latin \xe9", "latin é"),
        (b"a\x00b\x07", "a b"),
        (b"=?utf-8?q?broken", "=?utf-8?q?broken"),
        (b"=?utf-8?q?evil=0D=0ASubject=3A_x?=", "evil Subject: x"),
    ],
)
def test_values_are_shown_to_people(value: bytes, shown: str) -> None:
    assert decode(value) == shown


def test_dates_are_instants() -> None:
    head = scan(b"Date: Mon, 22 Mar 1993 09:41:09 -0800 (PST)\r\n\r\n")
    assert date_of(head) == datetime(1993, 3, 22, 17, 41, 9, tzinfo=UTC)
    assert date_of(scan(b"Date: yesterday\r\n\r\n")) is None
    assert date_of(scan(b"\r\n")) is None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("a@shop.test", "a@shop.test"),
        ("A B. <a@shop.test>", "a@shop.test"),
        ('"ceo@bank.test" <a@shop.test>', "a@shop.test"),
        ("a@shop.test <A@shop.test>", "A@shop.test"),
        ("(note) a@shop.test (more (nested))", "a@shop.test"),
        ("=?utf-8?q?ceo=40bank.test?= <a@shop.test>", "a@shop.test"),
        ("José <a@shop.test>", "a@shop.test"),
        ("A\r\n <a@shop.test>", "a@shop.test"),
    ],
)
def test_one_author_is_named_exactly(value: str, address: str) -> None:
    found = author(scan(f"From: {value}\r\n\r\n".encode()))
    assert (str(found.mailbox), found.problem) == (address, None)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("Subject: x", "missing"),
        ("From: a@shop.test\r\nFrom: b@shop.test", "multiple"),
        ("From: a@shop.test\r\nfrom : a@shop.test", "multiple"),
        ("From: a@shop.test, b@shop.test", "multiple"),
        ("From:", "unparseable"),
        ("From: <>", "unparseable"),
        ("From: someone", "unparseable"),
        ("From: group: a@shop.test;", "unparseable"),
        ("From: ceo@bank.test <a@shop.test>", "unparseable"),
        ("From: <ceo@bank.test> <a@shop.test>", "unparseable"),
        ("From: <a@shop.test> ceo@bank.test", "unparseable"),
        ("From: a@shop.test, ", "unparseable"),
        ('From: (") ceo@bank.test (") a@shop.test', "unparseable"),
        ("From: a\0@shop.test", "unparseable"),
        ("From: <@bank.test:a@shop.test>", "unparseable"),
        ("From: a @ shop.test", "unparseable"),
        ("From: a@shop.test (open", "unparseable"),
        ('From: "open <a@shop.test>', "unparseable"),
        ("From: a@shop.test\\", "unparseable"),
    ],
)
def test_an_author_in_doubt_is_no_author(header: str, problem: str) -> None:
    found = author(scan(f"{header}\r\n\r\n".encode()))
    assert (found.mailbox, found.problem) == (None, problem)


def test_all_mailboxes_of_a_list_are_read() -> None:
    assert [str(m) for m in mailboxes('"Q, R" <q@a.test>, b@c.test')] == ["q@a.test", "b@c.test"]


@pytest.mark.parametrize("piece", ["(", "a,", '"', "<", "=?a?q?", "a@b ", "\\", '("', "=?utf-8?q?x?= ", "\r\n a"])
def test_hostile_fields_take_linear_time(piece: str) -> None:
    content = ("From: " + piece * (400_000 // len(piece)) + "\r\n\r\n").encode()
    started = time.process_time()
    head = scan(content)
    author(head)
    head.shown("from")
    assert time.process_time() - started < 1.5
