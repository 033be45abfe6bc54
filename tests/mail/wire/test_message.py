"""Does a message leave finished and signed, and otherwise exactly as it came?"""

from datetime import UTC, datetime
from pathlib import Path

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from dkim.canonicalization import (
    compress_whitespace,
    correct_empty_body,
    strip_trailing_lines,
    strip_trailing_whitespace,
)
from hypothesis import given
from hypothesis import strategies as st

from mail.wire import dkim
from mail.wire.headers import scan
from mail.wire.lines import canonical
from mail.wire.message import Finishing, finish, trace_field

DER, TXT = dkim.make_key()
KEY = dkim.SigningKey("shop.test", "s1", DER)
TRACE = "from client.test (unknown [192.0.2.7]) by out.test with ESMTPSA id 42; Mon, 23 Nov 2026 05:00:00 +0000"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MESSAGE = (
    b"From: A <a@shop.test>\r\nTo: b@far.test\r\nSubject:  odd   spacing\r\n\tfolded\r\nX-Keep:exact \r\n\r\n"
    b"body  with\ttabs \r\n.\r\n\r\n\r\n"
)
CORPUS = sorted((Path(__file__).parent.parent.parent / "corpus" / "mime").glob("*.eml"))


def plan(*keys: dkim.SigningKey) -> Finishing:
    return Finishing(TRACE, NOON, "42@out.test", keys)


def verifies(content: bytes, txt: str = TXT) -> bool:
    return bool(dkimpy.verify(content, dnsfunc=lambda name, timeout=5: txt.encode()))


def test_everything_submitted_follows_our_own_fields_byte_for_byte() -> None:
    assert (
        finish(MESSAGE, plan())
        == (
            b"Received: from client.test (unknown [192.0.2.7])\r\n\tby out.test with ESMTPSA id 42;"
            b" Mon, 23 Nov 2026 05:00:00 +0000\r\n"
            b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <42@out.test>\r\n"
        )
        + MESSAGE
    )


def test_a_date_and_id_of_its_own_are_kept() -> None:
    own = b"Date: Sun, 22 Nov 2026 01:02:03 +0100\r\nmessage-id: <mine@shop.test>\r\n" + MESSAGE
    made = finish(own, plan())
    assert made.endswith(own)
    assert [field.key for field in scan(made).fields].count("date") == 1
    assert [field.key for field in scan(made).fields].count("message-id") == 1


def test_hidden_and_control_fields_go_and_nothing_near_them() -> None:
    hidden = b"Bcc: x@y.test,\r\n z@y.test\r\nReturn-Path: <a@b.test>\r\nX-LV-Tag: spring\r\nbcc: again@y.test\r\n"
    made = finish(hidden + MESSAGE, plan())
    assert made == finish(MESSAGE, plan())


def test_bare_newlines_do_not_leave() -> None:
    made = finish(b"From: a@shop.test\n\none\rtwo\n\r\nthree", plan())
    assert made.endswith(b"\r\n\r\none\r\ntwo\r\n\r\nthree\r\n")
    assert made.count(b"\n") == made.count(b"\r\n") == made.count(b"\r")


def test_the_trace_cannot_break_out_of_its_field() -> None:
    field = trace_field("from x\r\nBcc: evil@shop.test\r\n\r\nby y; " + "long " * 60)
    assert scan(field + b"\r\n").fields[0].end == len(field)
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))


def test_the_signature_comes_last_and_covers_what_we_added() -> None:
    made = finish(MESSAGE, plan(KEY))
    assert made.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=shop.test;")
    assert made.endswith(finish(MESSAGE, plan()))
    assert verifies(made)
    assert not verifies(made.replace(b"Message-ID: <42@", b"Message-ID: <43@"))
    assert not verifies(made.replace(b"body  with", b"body  without"))


@pytest.mark.parametrize(
    "added", [b"From: x@y.test\r\n", b"Subject: other\r\n", b"Reply-To: x@y.test\r\n", b"Cc: x@y.test\r\n"]
)
def test_a_field_added_later_breaks_the_signature(added: bytes) -> None:
    made = finish(MESSAGE, plan(KEY))
    assert verifies(made)
    assert not verifies(added + made)
    assert verifies(b"X-Other: 1\r\n" + made)


def test_several_keys_sign_the_same_message() -> None:
    der, txt = dkim.make_key()
    made = finish(MESSAGE, plan(dkim.SigningKey("out.test", "p1", der), KEY))
    assert made.count(b"DKIM-Signature:") == 2
    assert dkimpy.DKIM(made).verify(idx=0, dnsfunc=lambda name, timeout=5: txt.encode())
    assert dkimpy.DKIM(made).verify(idx=1, dnsfunc=lambda name, timeout=5: TXT.encode())


@pytest.mark.parametrize("file", CORPUS, ids=lambda path: path.name)
@pytest.mark.parametrize("eight_bit", [True, False])
def test_malformed_mail_is_finished_and_its_signature_verifies(file: Path, eight_bit: bool) -> None:
    made = finish(b"From: a@shop.test\r\n" + file.read_bytes(), plan(KEY), eight_bit=eight_bit)
    if file.name != "malformed-019.eml":  # its "Fro :" is a field to us and to OpenDKIM, but dkimpy refuses to read it
        assert verifies(made)
    assert eight_bit or made.isascii()


def test_a_message_without_from_leaves_unsigned() -> None:
    made = finish(b"Subject: x\r\n\r\nbody\r\n", plan(KEY))
    assert b"DKIM-Signature" not in made
    assert made.endswith(b"Subject: x\r\n\r\nbody\r\n")


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"x", b"\n", b"\r", b".", b"\xc3\xbc"]), max_size=30))
def test_signatures_verify_on_any_body(pieces: list[bytes]) -> None:
    assert verifies(finish(b"From: a@shop.test\r\n\r\n" + b"".join(pieces), plan(KEY)))


@given(st.lists(st.sampled_from([b" ", b"  ", b"\t", b"\r\n", b"x"]), max_size=40))
def test_relaxed_bodies_are_the_librarys_own_to_the_byte(pieces: list[bytes]) -> None:
    body = canonical(b"".join(pieces))
    theirs = correct_empty_body(strip_trailing_lines(compress_whitespace(strip_trailing_whitespace(body))))
    assert dkim.relaxed(body) == theirs


def test_keys_are_published_as_dns_wants_them() -> None:
    assert TXT.startswith("v=DKIM1; k=rsa; p=MII")
    key = serialization.load_der_private_key(DER, None)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    assert dkim.txt_record(pem) == dkim.txt_record(DER) == TXT
    assert finish(MESSAGE, plan(dkim.SigningKey("shop.test", "s1", pem))).endswith(finish(MESSAGE, plan()))


@pytest.mark.parametrize(
    "private", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_an_unusable_key_is_said_to_be_one(private: bytes) -> None:
    with pytest.raises(dkim.UnusableKey):
        finish(MESSAGE, plan(dkim.SigningKey("shop.test", "s1", private)))


def test_a_key_never_shows_itself() -> None:
    assert repr(KEY) == "SigningKey(shop.test, s1)"
