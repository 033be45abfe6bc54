"""Are the places of an HTML document found, whatever state it is in, and in linear time?"""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.wire import html


def around(document: str, addition: str = "|") -> str:
    """The document with its beginning and its end marked, what is open closed first."""
    raw = document.encode()
    page = html.scan(raw)
    return (
        raw[: page.start] + b"[" + raw[page.start : page.end] + page.closing + addition.encode() + raw[page.end :]
    ).decode()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("", "[|"),
        ("words", "[words|"),
        ("<p>words</p>", "[<p>words</p>|"),
        ("<html><body>x</body></html>", "<html><body>[x|</body></html>"),
        ("<HTML><BODY BGCOLOR=red>x</BODY></HTML>\r\n", "<HTML><BODY BGCOLOR=red>[x|</BODY></HTML>\r\n"),
        ("<html>x</html>", "<html>[x|</html>"),
        ("<body>x</html>", "<body>[x|</html>"),
        ("<body>x</body ></html>y", "<body>[x|</body ></html>y"),
        ("<body>x</body>y<body>z</body>", "<body>[x</body>y<body>z|</body>"),
        ("<!DOCTYPE html><head><title><body></title></head><body>x", "<!DOCTYPE html><head><title><body></title></head><body>[x|"),
        ("<head><style>p{}</style><meta x>x", "<head><style>p{}</style><meta x>[x|"),
        ("<style>p{}</style>\n<p>x", "<style>p{}</style>[\n<p>x|"),
        ("<!-- </body> --><body><!-- <body> -->x<!-- </body> -->", "<!-- </body> --><body>[<!-- <body> -->x<!-- </body> -->|"),
        ("virus checked <html><body>x</body></html>", "[virus checked <html><body>x|</body></html>"),
        ("<body><div><table><tr><td>x</body>", "<body>[<div><table><tr><td>x</table></div>|</body>"),
        ("<body><a href=x>y<b>z</body>", "<body>[<a href=x>y<b>z</b></a>|</body>"),
        ("<body><div><b>x</div>y</b></body>", "<body>[<div><b>x</div>y</b>|</body>"),
        ("<p>x<!-- never closed", "[<p>x|<!-- never closed"),
        ("<p>x<style>never closed", "[<p>x|<style>never closed"),
        ("<p>x<a href='never closed>y</a>", "[<p>x|<a href='never closed>y</a>"),
        ("<p>x<a hre", "[<p>x|<a hre"),
        ("<body>x</body><!-- never closed", "<body>[x|</body><!-- never closed"),
        ("x<plaintext></body>", "[x|<plaintext></body>"),
        ("<body>1 < 2 <% body %> <3 </ x> <?php > <!x> y</body>", "<body>[1 < 2 <% body %> <3 </ x> <?php > <!x> y|</body>"),
        ("<body title='</body>' data=\"</body>\" x='a>b'>x</body>", "<body title='</body>' data=\"</body>\" x='a>b'>[x|</body>"),
        ("<!--[if mso]><body class=m><![endif]--><body>x<!--[if mso]></body><![endif]--></body>",
         "<!--[if mso]><body class=m><![endif]--><body>[x<!--[if mso]></body><![endif]-->|</body>"),
        ("<!--><body>x</body>", "<!--><body>[x|</body>"),
        ("<!---><body>x</body>", "<!---><body>[x|</body>"),
        ("<!--a--!><body>x</body>", "<!--a--!><body>[x|</body>"),
        ("<title>a</titlex></title ><body>x", "<title>a</titlex></title ><body>[x|"),
        ("<BODY><SCRIPT>'</body>'</SCRIPT>x</BODY>", "<BODY>[<SCRIPT>'</body>'</SCRIPT>x|</BODY>"),
    ],
)  # fmt: skip
def test_the_words_begin_and_end(document: str, expected: str) -> None:
    assert around(document) == expected


def test_a_byte_order_mark_stays_in_front() -> None:
    raw = "\ufeff<p>x".encode()
    assert html.scan(raw).start == 3


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("<a href=\"x\">", "x"),
        ("<A HREF='x'>", "x"),
        ("<a href=x>", "x"),
        ("<a href=x/>", "x/"),
        ("<a\nhref\t=\f'x'\r>", "x"),
        ("<a/href=x>", "x"),
        ("<a title='>' href=x>", "x"),
        ("<a title=\"<a href=y>\" href=x>", "x"),
        ("<a title=a'b href=x>", "x"),
        ("<a title= href=x>", None),  # the value of title is "href=x"
        ("<a href=x href=y>", "x"),
        ("<a data-href=y xhref=z href=x>", "x"),
        ("<a href>", None),
        ("<a =href=y href=x>", "x"),
        ("<a \"href=y\" href=x>", "x"),
        ("<area href=x>", "x"),
        ("<a\0href=y>", None),
        ("<ab href=x>", None),
        ("</a href=x>", None),
        ("<!--<a href=x>-->", None),
        ("<textarea><a href=x></textarea>", None),
        ("< a href=x>", None),
        ("<link href=x>", None),
        ("<a b==c href=x>", "x"),
        ("<a b=\"c\"href=x>", "x"),
    ],
)  # fmt: skip
def test_an_href_is_read_as_the_standard_does(tag: str, value: str | None) -> None:
    raw = f"<p>{tag}y</a>".encode()
    found = [raw[link.start : link.end].decode() for link in html.scan(raw).links]
    assert found == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("a&amp;b", "a&b"),
        ("?a=1&copy=2&copy;&copyx&copy", "?a=1&copy=2©&copyx©"),
        ("&lt&gt;&quot;&apos;&#39;&#x27;&#X27;", "<>\"''''"),
        ("&notit;&notin;&not", "&notit;∉¬"),
        ("&amp;amp;", "&amp;"),
        ("&AMP;&AMP", "&&"),
        ("&#38;#38;", "&#38;"),
        ("&#128;&#x80;", "€€"),
        ("&#0;&#xD800;&#x110000;", "\ufffd\ufffd\ufffd"),
        ("&#" + "0" * 5_000 + "65;", "A"),
        ("&#" + "9" * 5_000 + ";", "\ufffd"),
        ("&#x" + "F" * 5_000 + ";", "\ufffd"),
        ("&", "&"),
        ("&;&#;&#x;&nosuch;", "&;&#;&#x;&nosuch;"),
        ("&hearts;", "♥"),
        ("&amp=&amp;=", "&amp=&="),
    ],
)
def test_references_in_attributes(value: str, meaning: str) -> None:
    assert html.attribute(value) == meaning


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("<% unsubscribe %>", None),
        ("<%unsubscribe%>", None),
        ("<% unsubscribe 12 %>", 12),
        ("<%\r\n UNSUBSCRIBE\t3\r\n%>", 3),
        ("&lt;% unsubscribe 3 %&gt;", 3),
        ("&lt;%&nbsp;unsubscribe&nbsp;3&nbsp;%>", 3),
        ("<%\N{NO-BREAK SPACE}unsubscribe 3 %>", 3),
    ],
)
def test_a_tag_is_found_however_an_editor_wrote_it(words: str, number: int | None) -> None:
    raw = f"<p>a {words} b <!-- {words} --><title>{words}</title><i title='{words}'>".encode()
    (tag,) = html.scan(raw).tags
    assert (raw[tag.start : tag.end].decode(), tag.number, tag.link) == (words, number, None)


@pytest.mark.parametrize(
    "value", ["<% unsubscribe 3 %>", "&lt;% unsubscribe 3 %&gt;", "%3C%25%20unsubscribe%203%20%25%3E"]
)
@pytest.mark.parametrize("scheme", ["", "http://", "https://", " HTTPS://"])
def test_a_tag_may_be_the_target_of_a_link(value: str, scheme: str) -> None:
    value = scheme + value  # some editors write one before whatever they are given
    raw = f'<a href="{value}">out</a>'.encode()
    page = html.scan(raw)
    assert [(tag.number, raw[tag.start : tag.end].decode()) for tag in page.tags] == [(3, value)]
    assert page.links == ()


@pytest.mark.parametrize(
    "value",
    ["https://shop.test/%3C% unsubscribe 3 %%3E", "https://x%3C% unsubscribe 3 %%3E", "https:// <% unsubscribe 3 %>",
     "https://https://<% unsubscribe 3 %>", "https://<% unsubscribe 3 %>/", "ftp://<% unsubscribe 3 %>",
     "http:<% unsubscribe 3 %>", "mailto:<% unsubscribe 3 %>"],
)  # fmt: skip
def test_a_tag_within_a_target_is_none(value: str) -> None:
    raw = f'<a href="{value}">out</a>'.encode()
    page = html.scan(raw)
    assert page.tags == ()
    assert [raw[link.start : link.end].decode() for link in page.links] == [value]


@pytest.mark.parametrize(
    "words", ["<% unsubscribed %>", "<% unsubscribe x %>", "<% unsubscribe", "<% body %>", "% unsubscribe %"]
)
def test_what_only_looks_like_a_tag_is_none(words: str) -> None:
    assert html.scan(f"<p>{words}".encode()).tags == ()


HALF_A_MEGABYTE = 512 * 1024
HOSTILE = [
    b"<a ", b"<", b"<a href=", b"<a href=\"", b"<a href='x", b"<!--", b"<!-- -->", b"<!", b"</", b"</a", b"<div>", b"</div>",
    b"<a>", b"</a>", b"<b></i>", b"<a b", b"<a b=c ", b"<a b='c' ", b"<a href=x>", b"<a href='https://x.test/'>y</a>", b"&",
    b"&amp", b"&#", b"<% ", b"<% unsubscribe ", b"&lt;% unsubscribe", b"<%&nbsp;", b"<style>", b"<style></style>", b"</style",
    b"<title", b"<x\n", b"< ", b">", b"\"", b"'", b"=", b" ", b"\t\n", b"<a =", b"<a/", b"<a\0", b"--", b"<!-->", b"</body>",
    b"<body>", b"<table><tr><td>", b"<script>", b"<![CDATA[", b"<?", b"<a href=\"x\" ", b"<plaintext", b"unsubscribe", b"\xff",
    b"<a x='", b"<div></body>", b"<td>", b"<td x=y>z</td>", b"<p ", b"<p x='", b"<span>", b"<span>x</span>", b"<span>&</span>",
    b"<b>x", b"<span x", b"</span", b"&lt;%",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize(
    "before", [b"", b"<a ", b"<% unsubscribe", b"<div>" * 900], ids=["", "tag", "unsubscribe", "deep"]
)
def test_hostile_documents_take_linear_time(piece: bytes, before: bytes) -> None:
    document = before + piece * (HALF_A_MEGABYTE // len(piece))
    started = time.process_time()
    html.scan(document)
    assert time.process_time() - started < 1


def test_a_hundred_thousand_attributes_take_linear_time() -> None:
    document = b"<a " + b"".join(b"x%d=y " % n for n in range(100_000)) + b"href=https://shop.test/>"
    started = time.process_time()
    assert len(html.scan(document).links) == 1
    assert time.process_time() - started < 1


@pytest.mark.parametrize(("depth", "deep"), [(html.DEEPEST, False), (html.DEEPEST + 1, True), (100_000, True)])
def test_what_is_nested_beyond_measure_is_said_to_be(depth: int, deep: bool) -> None:
    assert html.scan(b"<div>" * depth).deep is deep


ALPHABET = [
    b"<", b">", b"</", b"<a", b" href=", b"\"", b"'", b"=", b" ", b"x", b"<!--", b"-->", b"<style>", b"</style>", b"<body>",
    b"</body>", b"<div>", b"</div>", b"<% unsubscribe 3 %>", b"&lt;", b"https://x.test", b"\xff", b"/", b"<title>",
]  # fmt: skip


@given(st.lists(st.sampled_from(ALPHABET), max_size=40))
def test_places_lie_within_and_in_order(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    page = html.scan(raw)
    assert 0 <= page.start <= page.end <= len(raw)
    spans = sorted([(link.start, link.end) for link in page.links] + [(tag.start, tag.end) for tag in page.tags])
    assert all(start <= end for start, end in spans)
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
