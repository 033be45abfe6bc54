"""Does mail fit through narrower roads without losing its meaning, and stay byte for byte where it may?"""

import email
import email.header
import email.message
import email.policy
import quopri
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.wire.lines import canonical, has_long_line
from mail.wire.mime import narrow, quoted_printable

CORPUS = sorted((Path(__file__).parent.parent.parent / "corpus" / "mime").glob("*.eml"))


def leaves(content: bytes) -> list[bytes]:
    """Every leaf's decoded bytes, by the standard library's own (lenient) parser."""
    parsed = email.message_from_bytes(content)
    found = [part.get_payload(decode=True) for part in parsed.walk() if not part.is_multipart()]
    return [leaf for leaf in found if isinstance(leaf, bytes)]


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


MIXED = crlf("""\
From: a@shop.test
Subject: =?utf-8?q?x?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b 1"

preamble
--b 1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

grüße
.
--b 1
Content-Type: application/pdf
Content-Transfer-Encoding: base64

JVBERi0x
--b 1
Content-Type: message/rfc822

Subject: inner grüße
Content-Type: text/plain; charset=utf-8

innen: ß
--b 1--
epilogue
""")


@pytest.mark.parametrize("file", CORPUS, ids=lambda path: path.name)
@pytest.mark.parametrize("eight_bit", [True, False])
def test_malformed_mail_passes_whole(file: Path, eight_bit: bool) -> None:
    content = canonical(file.read_bytes())
    made = narrow(content, eight_bit=eight_bit)
    if content.isascii() and b"\0" not in content and not has_long_line(content):
        assert made is content
    assert b"\0" not in made
    if not eight_bit:
        assert made.isascii()
    assert not has_long_line(made)
    assert made.count(b"\n") == made.count(b"\r\n") == made.count(b"\r")


def test_what_fits_is_the_same_object() -> None:
    assert narrow(MIXED, eight_bit=True) is MIXED


def test_eight_bit_leaves_are_encoded_and_all_others_left_alone() -> None:
    made = narrow(MIXED, eight_bit=False)
    assert made.isascii()
    assert leaves(made) == leaves(MIXED)
    assert b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0x\r\n" in made
    assert b"preamble\r\n--b 1\r\n" in made
    assert made.endswith(b"--b 1--\r\nepilogue\r\n")
    inner = email.message_from_bytes(made).get_payload()[2].get_payload()[0]  # type: ignore[union-attr,index]
    assert isinstance(inner, email.message.Message)
    assert str(email.header.make_header(email.header.decode_header(inner["Subject"]))) == "inner grüße"
    assert inner["Content-Transfer-Encoding"] in ("quoted-printable", "base64")


def test_undeclared_eight_bit_gets_its_declaration() -> None:
    made = narrow(crlf("From: a@shop.test\n\ngrüße an alle, die das hier lesen\n"), eight_bit=False)
    parsed = email.message_from_bytes(made)
    assert parsed["MIME-Version"] == "1.0"
    assert parsed.get_content_charset() == "utf-8"
    assert leaves(made) == ["grüße an alle, die das hier lesen\r\n".encode()]


def test_bytes_of_no_known_charset_are_called_so() -> None:
    made = narrow(b"From: a@shop.test\r\n\r\ncaf\xe9 au lait, s'il vous plait\r\n", eight_bit=False)
    assert email.message_from_bytes(made).get_content_charset() == "unknown-8bit"
    assert leaves(made) == [b"caf\xe9 au lait, s'il vous plait\r\n"]


def test_raw_headers_become_encoded_words() -> None:
    made = narrow(
        crlf('From: "Jürgen X" <j@shop.test>, ö <b@shop.test>\nTo: <c@shop.test>\nSubject: grüße an alle\n\nx\n'),
        eight_bit=False,
    )
    parsed = email.message_from_bytes(made, policy=email.policy.default)
    assert parsed["Subject"] == "grüße an alle"
    assert [(a.display_name, a.addr_spec) for a in parsed["From"].addresses] == [
        ("Jürgen X", "j@shop.test"),
        ("ö", "b@shop.test"),
    ]
    assert made.isascii()


def test_a_raw_file_name_becomes_a_parameter_of_its_own_kind() -> None:
    made = narrow(
        crlf('Content-Type: application/pdf; name="größe.pdf"\nContent-Transfer-Encoding: base64\n\nAAAA\n'),
        eight_bit=False,
    )
    assert email.message_from_bytes(made, policy=email.policy.default).get_filename() == "größe.pdf"


@pytest.mark.parametrize("eight_bit", [True, False])
def test_overlong_lines_are_re_encoded(eight_bit: bool) -> None:
    body = "x" * 5000 + "\r\nshort\r\n"
    made = narrow(crlf("From: a@shop.test\nContent-Type: text/html\n\n") + body.encode(), eight_bit=eight_bit)
    assert not has_long_line(made)
    assert leaves(made) == [body.encode()]


@pytest.mark.parametrize(("eight_bit", "declared"), [(True, "8bit"), (False, "7bit")])
def test_the_whole_declares_what_its_parts_need(eight_bit: bool, declared: str) -> None:
    content = crlf(
        "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 8bit\n\n"
        "--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngrüße\n"
        f"--b\n\n{'x' * 2000}\n--b--\n"
    )
    made = narrow(content, eight_bit=eight_bit)
    assert email.message_from_bytes(made)["Content-Transfer-Encoding"] == declared
    assert leaves(made) == leaves(content)


def test_a_signed_part_is_not_touched_for_a_long_line() -> None:
    signed = crlf("Content-Type: multipart/signed; boundary=s\n\n--s\n\nlong\n--s\n\nsig\n--s--\n").replace(
        b"long", b"x" * 2000
    )
    assert narrow(signed, eight_bit=True) == signed
    assert narrow(signed, eight_bit=False) == signed


def test_a_signed_part_with_eight_bit_has_no_choice_on_a_seven_bit_road() -> None:
    signed = crlf("Content-Type: multipart/signed; boundary=s\n\n--s\n\ngrüße\n--s\n\nsig\n--s--\n")
    assert narrow(signed, eight_bit=True) is signed
    assert narrow(signed, eight_bit=False).isascii()
    assert leaves(narrow(signed, eight_bit=False))[0] == "grüße".encode()


@pytest.mark.parametrize(
    ("encoding", "body", "decoded"),
    [
        ("quoted-printable", "a=C3=BC grüße=\n!\n", "aü grüße!\r\n"),
        ("quoted-printable", "=C3=BC" * 400 + "\n", "ü" * 400 + "\r\n"),
        ("base64", "aGVsü" + "bG8=\n", "hello"),
        ("base64", "QUJD" * 500 + "\n", "ABC" * 500),
    ],
)
def test_a_part_that_breaks_its_own_encoding_is_mended(encoding: str, body: str, decoded: str) -> None:
    made = narrow(
        crlf(f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n\n{body}"),
        eight_bit=False,
    )
    assert made.isascii()
    assert not has_long_line(made)
    assert leaves(made) == [decoded.encode()]


@given(st.lists(st.binary(max_size=120), max_size=12))
def test_quoted_printable_decodes_to_exactly_what_it_was(lines: list[bytes]) -> None:
    body = canonical(b"\r\n".join(line.replace(b"\r", b"").replace(b"\n", b"") for line in lines))
    made = quoted_printable(body)
    assert made.isascii()
    assert all(len(line) <= 76 for line in made.split(b"\r\n"))
    assert made.count(b"\n") == made.count(b"\r\n")
    assert quopri.decodestring(made) == body


@pytest.mark.parametrize("eight_bit", [True, False])
def test_nul_is_encoded_in_a_leaf_and_dropped_elsewhere(eight_bit: bool) -> None:
    made = narrow(b"Subject: a\0b\r\nContent-Type: text/plain\r\n\r\nT\0e\0x\0t\0\r\n", eight_bit=eight_bit)
    assert b"\0" not in made
    assert leaves(made) == [b"T\0e\0x\0t\0\r\n"]
    assert email.message_from_bytes(made)["Subject"] == "ab"


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_fit_through(raw: bytes, eight_bit: bool) -> None:
    made = narrow(canonical(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + raw), eight_bit=eight_bit)
    assert eight_bit or made.isascii()
    assert not has_long_line(made)


def nested(kind: str, depth: int) -> bytes:
    if kind == "multipart":
        return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return b"Content-Type: message/rfc822\r\n\r\n" * depth


@pytest.mark.parametrize("kind", ["multipart", "rfc822"])
def test_nesting_bombs_are_sent_on_safely(kind: str) -> None:
    bomb = nested(kind, 5000) + "\r\nü\r\n".encode()
    started = time.process_time()
    assert narrow(bomb, eight_bit=False).isascii()
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "piece", [b"--b\r\n", b"--b\r\n\r\n\xc3\xbc\r\n", b"=", b"  \t", b'boundary="', b"\xff", b"x" * 1500 + b"\r\n"]
)
def test_hostile_bodies_take_linear_time(piece: bytes) -> None:
    content = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\n\xff\r\n' + piece * (
        1_000_000 // len(piece)
    )
    started = time.process_time()
    narrow(canonical(content), eight_bit=False)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("field", "piece"),
    [
        ('From: "', '\\"'),
        ("From: ", '<"\\'),
        ("From: ", "é <"),
        ("Content-Type: ", "a"),
        ("Content-Type: a", " ="),
        ('Content-Disposition: a="', '\\"'),
        ("Content-Disposition: ", 'a="'),
        ("Subject: ", "é "),
    ],
)
def test_hostile_fields_take_linear_time(field: str, piece: str) -> None:
    raw = crlf(f"{field}{piece * (400_000 // len(piece))}é\n\nx\n")
    started = time.process_time()
    assert narrow(raw, eight_bit=False).isascii()
    assert time.process_time() - started < 2


def test_quotes_in_names_that_are_no_quotes_stay_what_they_were() -> None:
    sent = crlf('From: Zoë \\"Z\\" "Ann \\"é\\" B" "open <a@shop.test>\nSubject: x\n\nx\n')
    made = narrow(sent, eight_bit=False)
    shown = str(email.header.make_header(email.header.decode_header(email.message_from_bytes(made)["From"])))
    assert shown == 'Zoë \\"Z\\" Ann "é" B "open <a@shop.test>'
