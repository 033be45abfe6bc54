"""Does a message get what it is meant to get, where it belongs, and nothing else; and does what must not be touched stay?"""

import email
import email.message
import email.policy
import hashlib
import html
import time
import tracemalloc
from base64 import encodebytes
from pathlib import Path

import pytest

from mail.wire.additions import Added, Additions, Piece, add, opened
from mail.wire.lines import canonical
from mail.wire.unsubscribe import Words

CORPUS = sorted((Path(__file__).parents[2] / "corpus" / "mime").glob("*.eml"))
TEMPLATE = Piece("<div class=t>Top<% body %>Bottom</div>", "Top\n\n<% body %>\n\nBottom\n")
FOOTER = Piece("<p>Shop Ltd</p>", "Shop Ltd\n")
LIST = (b"List-Unsubscribe: <https://click.test/u/1>\r\n", b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")


def words(number: int | None) -> Words:
    return Words(
        f'<a href="https://click.test/u/{number}">out</a>',
        f"out <https://click.test/u/{number}>",
        f"https://click.test/u/{number}",
    )


ALL = Additions(
    TEMPLATE, FOOTER, lambda url: "https://click.test/t/1", True, "https://click.test/t/p.gif", words, LIST
)  # fmt: skip


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def text_of(content: bytes, kind: str) -> str:
    """The first part of a kind, decoded by the standard library, with \\n."""
    part = next(part for part in email.message_from_bytes(content).walk() if part.get_content_type() == kind)
    raw = part.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode(part.get_content_charset("ascii")).replace("\r\n", "\n")


def plain_mail(body: str, header: str = "") -> bytes:
    return crlf(f"From: a@shop.test\n{header}\n{body}")


ALTERNATIVE = crlf("""\
From: a@shop.test
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Hello https://shop.test/
--b
Content-Type: text/html; charset=utf-8

<html><body><p>Hello <a href="https://shop.test/">shop</a></p></body></html>
--b--
""")


def test_a_template_stands_around_the_words_and_a_footer_under_them() -> None:
    added = add(ALTERNATIVE, Additions(TEMPLATE, FOOTER))
    assert added == Added(
        crlf("""\
From: a@shop.test
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Top

Hello https://shop.test/

Bottom

Shop Ltd

--b
Content-Type: text/html; charset=utf-8

<html><body><div class=t>Top<p>Hello <a href="https://shop.test/">shop</a></p>Bottom</div><p>Shop Ltd</p></body></html>
--b--
""")
    )


def test_links_pixel_and_header_fields() -> None:
    added = add(ALTERNATIVE, Additions(link=lambda url: f"{url}t/1", pixel="https://click.test/p?a&b", fields=LIST))
    assert added.note is None
    assert added.content == b"".join(LIST) + ALTERNATIVE.replace(
        b'<a href="https://shop.test/">shop</a></p>',
        b'<a href="https://shop.test/t/1">shop</a></p><img src="https://click.test/p?a&amp;b" width="1" height="1" alt=""'
        b' style="border:0;width:1px;height:1px">',
    )


def test_links_of_pieces_are_tracked_and_those_of_the_words_around_a_tag_are_not() -> None:
    asked: list[str] = []

    def link(url: str) -> str:
        asked.append(url)
        return "https://click.test/t/1"

    footer = Piece('<a href="https://shop.test/f">f</a> <% unsubscribe 2 %>', "https://shop.test/f <% unsubscribe %>")
    added = add(ALTERNATIVE, Additions(footer=footer, link=link, text_links=True, unsubscribe=words))
    assert asked == ["https://shop.test/", "https://shop.test/f"] * 2
    assert '<a href="https://click.test/u/2">out</a></body>' in text_of(added.content, "text/html")
    assert "https://click.test/t/1 out <https://click.test/u/None>\n" in text_of(added.content, "text/plain")


def test_a_tag_becomes_words_or_in_a_link_its_address() -> None:
    markup = "<p>&lt;% unsubscribe 3 %&gt; <a href='http://<% unsubscribe %>'>x</a></p>\n"
    added = add(plain_mail(markup, "Content-Type: text/html\n"), Additions(unsubscribe=words))
    assert text_of(added.content, "text/html") == (
        "<p><a href=\"https://click.test/u/3\">out</a> <a href='https://click.test/u/None'>x</a></p>\n"
    )
    assert opened(plain_mail(markup, "Content-Type: text/html\n")).tags == (3, None)
    assert opened(ALTERNATIVE).tags == ()


def test_the_senders_own_list_unsubscribe_stands() -> None:
    content = b"List-Unsubscribe: <mailto:x@shop.test>\r\n" + ALTERNATIVE
    assert add(content, Additions(fields=LIST)).content == content


def test_text_alone_gets_no_html() -> None:
    added = add(plain_mail("Hello\n"), ALL)
    assert text_of(added.content, "text/plain") == "Top\n\nHello\n\nBottom\n\nShop Ltd\n"
    assert b"<div" not in added.content
    assert b"p.gif" not in added.content


@pytest.mark.parametrize(
    ("charset", "raw", "encoding", "said"),
    [
        ("us-ascii", b"Hello\r\n" * 9, "quoted-printable", "utf-8"),
        ("iso-8859-1", "grüße\r\n".encode("latin-1"), "8bit", "utf-8"),
        ("utf-8", b"Hello\r\n", "base64", "utf-8"),
        ("iso-2022-jp", "日本\r\n".encode("iso-2022-jp"), "base64", "utf-8"),
        ("koi8-r", "привет\r\n".encode("koi8-r"), "8bit", "utf-8"),
    ],
)
def test_a_footer_whose_letters_a_text_lacks_makes_it_utf_8(charset: str, raw: bytes, encoding: str, said: str) -> None:
    declared = "8bit" if not raw.isascii() else "7bit"
    head = f"From: a@shop.test\r\nContent-Type: text/plain; charset={charset}; format=flowed\r\n"
    content = f"{head}Content-Transfer-Encoding: {declared}\r\n\r\n".encode() + raw
    added = add(content, Additions(footer=Piece("", "Ünïcode → ñ 🎉\n")))
    assert added.note is None
    parsed = email.message_from_bytes(added.content)
    assert (parsed["Content-Transfer-Encoding"], parsed.get_content_charset(), parsed.get_param("format")) == (
        encoding,
        said,
        "flowed",
    )
    assert text_of(added.content, "text/plain") == raw.decode(charset).replace("\r\n", "\n") + "\nÜnïcode → ñ 🎉\n"
    # What was 7-bit stays 7-bit: nothing said 8BITMIME for it.
    assert added.content.isascii() == content.isascii()


@pytest.mark.parametrize(
    "charset", ["us-ascii", "iso-8859-1", "koi8-r", "shift_jis", "iso-2022-jp", "gb18030", "utf-8"]
)
def test_html_keeps_its_charset_and_gets_references(charset: str) -> None:
    raw = f"<p>{'plain' if charset == 'us-ascii' else 'x'}</p>\r\n".encode(charset)
    content = f"From: a@shop.test\r\nContent-Type: text/html; charset={charset}\r\n\r\n".encode() + raw
    added = add(content, Additions(footer=Piece("<p>ü → 日 🎉</p>", "")))
    parsed = email.message_from_bytes(added.content)
    assert parsed.get_content_charset() == charset
    assert html.unescape(text_of(added.content, "text/html")).endswith("<p>ü → 日 🎉</p>")


def test_undeclared_bytes_are_left_as_they_are() -> None:
    raw = b"caf\xe9 \xff\r\n"
    added = add(
        b"From: a@shop.test\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + raw, Additions(footer=Piece("", "ü"))
    )
    assert raw in added.content
    added = add(b"From: a@shop.test\r\n\r\n" + raw, Additions(footer=Piece("", "ü")))
    assert added.content == b"From: a@shop.test\r\n\r\n" + raw + b"\r\n?\r\n"


MIXED = crlf("""\
From: a@shop.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="m 1"

preamble https://shop.test/
--m 1
Content-Type: multipart/alternative; boundary=a

--a

Hello
--a
Content-Type: multipart/related; boundary=r; start="<root>"; type="text/html"

--r
Content-Type: image/png
Content-ID: <logo>
Content-Transfer-Encoding: base64

AAAA
--r
Content-Type: text/html
Content-ID: <root>
Content-Transfer-Encoding: base64

PHA+SGVsbG88L3A+
--r--
--a--
--m 1
Content-Type: text/html; name="report.html"
Content-Disposition: inline; filename="report.html"

<a href="https://shop.test/">a file</a>
--m 1
Content-Type: text/plain
Content-Disposition: attachment

https://shop.test/ a file as well
--m 1
Content-Type: message/rfc822

From: b@shop.test
Content-Type: text/html

<a href="https://shop.test/">a message within</a>
--m 1
Content-Type: text/html

<a href="https://shop.test/">shown below</a> <% unsubscribe %>
--m 1--
epilogue https://shop.test/
""")


def test_of_a_large_tree_only_what_is_shown_is_changed() -> None:
    added = add(MIXED, ALL)
    assert added.note is None
    parts = [part for part in email.message_from_bytes(added.content).walk() if not part.is_multipart()]
    before = [part for part in email.message_from_bytes(MIXED).walk() if not part.is_multipart()]
    changed = [a.get_payload() != b.get_payload() for a, b in zip(before, parts, strict=True)]
    assert changed == [True, False, True, False, False, False, True]
    assert parts[0].get_payload() == "Top\r\n\r\nHello\r\n\r\nBottom\r\n\r\nShop Ltd\r\n"
    shown = parts[2].get_payload(decode=True)
    assert isinstance(shown, bytes)
    assert shown.startswith(b"<div class=t>Top<p>Hello</p>Bottom</div><p>Shop Ltd</p><img ")
    assert (
        parts[6].get_payload()
        == '<a href="https://click.test/t/1">shown below</a> <a href="https://click.test/u/None">out</a>'
    )
    assert b"preamble https://shop.test/" in added.content
    assert b"epilogue https://shop.test/" in added.content


SIGNED = "it is signed or encrypted"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (plain_mail("--s\n\nx\n--s\n\ny\n--s--\n", "Content-Type: multipart/signed; boundary=s\n"), SIGNED),
        (plain_mail("--s\n\nx\n--s--\n", "Content-Type: multipart/encrypted; boundary=s\n"), SIGNED),
        (plain_mail("MIAG", "Content-Type: application/pkcs7-mime; smime-type=signed-data\n"), SIGNED),
        (plain_mail("MIAG", "Content-Type: application/x-pkcs7-mime\n"), SIGNED),
        (plain_mail("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n"), SIGNED),
        (plain_mail("see:\n-----BEGIN PGP MESSAGE-----\n\nx\n"), SIGNED),
        (plain_mail("--m\nContent-Type: multipart/signed; boundary=s\n\n--s\n\nx\n--s--\n--m\n\nfooter of a list\n--m--\n",
                    "Content-Type: multipart/mixed; boundary=m\n"), SIGNED),
        (plain_mail("JVBERi0x\n", "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n"), "it has no text"),
        (plain_mail("x\n", "Content-Type: text/plain\nContent-Type: text/html\n"), "a part has 2 Content-Type fields"),
        (plain_mail("x\n", "Content-Type: multipart/mixed; boundary=b\n"), "the boundary of a multipart never comes"),
        (plain_mail("x\n", "Content-Type: multipart/mixed\n"), "a multipart gives no boundary"),
        (plain_mail("--b\n\nx\n--b--\n", "Content-Type: multipart/mixed; boundary=a; boundary=b\n"),
         "a part gives its boundary twice"),
        (plain_mail("begin 644 x\n", "Content-Transfer-Encoding: x-uuencode\n"), "a text's transfer encoding is unknown"),
        (plain_mail("QQ==QQ==\n", "Content-Transfer-Encoding: base64\n"), "a text's base64 is broken"),
        (plain_mail("QUJDR=\n", "Content-Transfer-Encoding: base64\n"), "a text's base64 is broken"),
        (plain_mail("\x1b$)Ax\n", "Content-Type: text/plain; charset=iso-2022-cn\n"), "the letters of a text cannot be read"),
        (plain_mail("x" * 600_000 + "\n"), "a text in it is too large"),
        (plain_mail("<div>" * 2_000, "Content-Type: text/html\n"), "its HTML is nested too deep"),
        (plain_mail("<a href=https://x.test/></a>" * 2_001, "Content-Type: text/html\n"), "it has more than 2,000 links"),
        (b"From: a@shop.test\r\nthis is no field\r\n\r\nx\r\n", "the header of a part does not end"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_with_certainty_goes_as_it_is(content: bytes, note: str) -> None:
    added = add(content, Additions(TEMPLATE, FOOTER, ALL.link, True, ALL.pixel, words))
    assert added == Added(content, note)
    with_fields = add(content, ALL)
    assert with_fields.note == note
    assert with_fields.content.endswith(content[content.index(b"\r\n\r\n") :])
    assert with_fields.content.startswith(LIST[0])


@pytest.mark.parametrize("name", ["DKIM-Signature", "ARC-Message-Signature"])
def test_what_somebody_has_signed_as_a_whole_does_not_even_get_fields(name: str) -> None:
    content = f"{name}: v=1; b=x\r\n".encode() + ALTERNATIVE
    assert add(content, ALL) == Added(content, "it is signed already")


@pytest.mark.parametrize("file", CORPUS, ids=lambda path: path.name)
def test_malformed_mail_is_changed_or_not_and_never_fails(file: Path) -> None:
    content = canonical(file.read_bytes())
    added = add(content, ALL)
    before, after = email.message_from_bytes(content), email.message_from_bytes(added.content)
    assert [part.get_content_type() for part in before.walk()] == [part.get_content_type() for part in after.walk()]
    for one, other in zip(before.walk(), after.walk(), strict=True):
        if one.get_content_maintype() not in ("text", "multipart"):
            assert one.as_bytes() == other.as_bytes()


def test_attachments_keep_their_hashes() -> None:
    file = bytes(range(256)) * 4_000
    packed = encodebytes(file).replace(b"\n", b"\r\n")
    content = (
        b"From: a@shop.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
        b"<p>x\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + packed
        + b"\r\n--b--\r\n"
    )
    made = add(content, ALL).content
    assert made != content
    payload = email.message_from_bytes(made).get_payload()[1].get_payload(decode=True)  # type: ignore[union-attr,index]
    assert hashlib.sha256(payload).digest() == hashlib.sha256(file).digest()  # type: ignore[arg-type]
    assert packed in made


# The inputs that kill the usual parsers, each at the size that does it or larger.
BOMBS = {
    "a To of 349 kB": b"To: " + b"a@b.test, " * 35_000 + b"\r\n\r\nx\r\n",
    "a Subject of 280 kB": b"Subject: " + b"=?utf-8?q?x?= " * 20_000 + b"\r\n\r\nx\r\n",
    "a Content-Type of 140 kB": b"Content-Type: text/html" + b"; a=b" * 28_000 + b"\r\n\r\nx\r\n",
    "a Content-Type of quotes": b"Content-Type: text/html" + b';a="' * 35_000 + b"\r\n\r\nx\r\n",
    "5 kB of brackets": b"To: " + b"(" * 5_000 + b"\r\n\r\nx\r\n",
    "multiparts 2,000 deep": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2_000)
    ),
    "one boundary at all depths": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 20_000,
    "messages 5,000 deep": b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "100,000 empty parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 100_000,
    "near boundaries": b"Content-Type: multipart/mixed; boundary=" + b"b" * 70 + b"\r\n\r\n--" + b"b" * 1_000_000,
    "50,000 fields": b"X: y\r\n" * 50_000 + b"\r\nx\r\n",
    "white space in quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    + b" " * 1_000_000
    + b"x\r\n \r\n",
    "soft breaks": b"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html\r\n\r\n"
    + b"<a =\r\n" * 80_000,
    "base64 of zeros": b"Content-Transfer-Encoding: base64\r\nContent-Type: text/html\r\n\r\n" + b"AAAA" * 300_000,
    "a long line": b"Content-Type: text/html\r\n\r\n" + b"x" * 500_000,
    "100,000 links": b"Content-Type: text/html\r\n\r\n" + b"<a href=https://x.test/>x</a>" * 100_000,
    "20,000 links": b"Content-Type: text/html\r\n\r\n" + b"<a href=https://x.test/>" * 20_000,
    "220 kB of <a ": b"Content-Type: text/html\r\n\r\n" + b"<a " * 73_000,
    "100,000 <div>": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 100_000,
    "20,000 <div>": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000,
    "100,000 attributes": b"Content-Type: text/html\r\n\r\n<a " + b"x=y " * 100_000 + b">",
    "30,000 tags": b"Content-Type: text/html\r\n\r\n" + b"<%unsubscribe%>" * 30_000,
    "UTF-7": b"Content-Type: text/html; charset=utf-7\r\n\r\n" + b"+AGE-" * 100_000,
    "ISO 2022": b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B\x1b(B" * 80_000,
    "idna": b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"xn--" * 100_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_sent_within_a_second_changed_or_not(bomb: str) -> None:
    content = canonical(b"From: a@shop.test\r\n" + BOMBS[bomb])
    started = time.process_time()
    add(content, ALL)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("bomb", [*BOMBS, "10 MB of files"])
def test_a_bomb_takes_no_more_than_four_times_its_size_or_goes_as_it_is(bomb: str) -> None:
    if bomb in BOMBS:
        content = canonical(b"From: a@shop.test\r\n" + BOMBS[bomb])
    else:
        files = b"--b\r\nContent-Type: image/png\r\n\r\n" + b"x" * 10_000_000 + b"\r\n"
        content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n" + files + b"--b--\r\n"
    add(ALTERNATIVE, ALL)
    tracemalloc.start()
    try:
        note = add(content, ALL).note
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # What is there for every message, however small, is not its fault.
    assert note is not None or peak < 4 * len(content) + 256 * 1024
    assert peak < 64 * 1024 * 1024
