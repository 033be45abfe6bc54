"""Do links lead where they led, and is everything else as it was? 329 addresses, HTML and text, all encodings and charsets."""

import email
import email.message
import quopri
import re
from base64 import encodebytes
from pathlib import Path

import pytest

from mail.wire import html
from mail.wire.additions import Additions, add

URLS = (Path(__file__).parents[2] / "corpus" / "urls" / "urls.txt").read_text("utf-8").split("\n")[:-1]
CHARSETS = [
    "us-ascii", "utf-8", "iso-8859-1", "iso-8859-2", "iso-8859-7", "iso-8859-8-i", "iso-8859-15", "windows-1250",
    "windows-1251", "windows-1252", "windows-1255", "windows-1256", "koi8-r", "koi8-u", "tis-620", "euc-jp", "shift_jis",
    "iso-2022-jp", "gb2312", "gbk", "gb18030", "hz-gb-2312", "big5", "euc-kr", "ks_c_5601-1987", "iso-2022-kr", "utf-7",
    "utf-16", "utf-16le", "utf-32be",
]  # fmt: skip
ENCODINGS = ["7bit", "8bit", "quoted-printable", "base64"]
WORDS = {
    "us-ascii": "plain",
    "utf-8": "grüße 日本 🎉",
    "iso-8859-1": "grüße",
    "iso-8859-2": "zażółć",
    "iso-8859-7": "μονοπάτι",
    "iso-8859-8-i": "שלום",
    "iso-8859-15": "€ größe",
    "windows-1250": "příliš „x“",
    "windows-1251": "привет «мир»",
    "windows-1252": "“größe” – €",
    "windows-1255": "שלום",
    "windows-1256": "مرحبا",
    "koi8-r": "привет",
    "koi8-u": "їжак",
    "tis-620": "สวัสดี",
    "euc-jp": "日本語のメール",
    "shift_jis": "表示ソ日本語",
    "iso-2022-jp": "日本語のメール",
    "gb2312": "中文邮件",
    "gbk": "中文郵件",
    "gb18030": "中文😀",
    "hz-gb-2312": "中文邮件",
    "big5": "中文許功蓋",
    "euc-kr": "한국어",
    "ks_c_5601-1987": "한국어 똠",
    "iso-2022-kr": "한국어",
    "utf-7": "grüße +日本",
    "utf-16": "grüße 日本",
    "utf-16le": "grüße",
    "utf-32be": "日本",
}
# What the label means to those who write mail: the larger sets that grew out of it.
CODECS = {
    "ks_c_5601-1987": "cp949",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "hz-gb-2312": "hz",
    "iso-8859-8-i": "iso-8859-8",
}


def possible(text: str, codec: str) -> bool:
    try:
        return text.encode(codec).decode(codec) == text
    except UnicodeError:
        return False


def message(kind: str, charset: str, encoding: str, raw: bytes) -> bytes:
    if encoding == "base64":
        raw = encodebytes(raw).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable" and b"\0" in raw:
        raw = (
            b"=\r\n".join(b"".join(b"=%02X" % byte for byte in raw[at : at + 25]) for at in range(0, len(raw), 25))
            + b"=\r\n"
        )
    elif encoding == "quoted-printable":
        raw = b"\r\n".join(
            quopri.encodestring(line, quotetabs=True).replace(b"\n", b"\r\n") for line in raw.split(b"\r\n")
        )
    head = f"From: a@shop.test\r\nMIME-Version: 1.0\r\nContent-Type: text/{kind}; charset={charset}\r\n"
    return f"{head}Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + raw


def decoded(content: bytes, codec: str) -> str:
    payload = email.message_from_bytes(content).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode(codec)


class Links:
    """A callback that remembers what it was asked, and gives a new address for each."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str) -> str:
        self.asked.append(url)
        return f"https://click.test/t/{len(self.asked)}?a&b"


def cells(kind: str) -> list[tuple[str, str, str]]:
    found = []
    for charset in CHARSETS:
        seven = charset == "us-ascii" or charset.startswith(("iso-2022", "hz", "utf-7"))
        wide = charset.startswith(("utf-16", "utf-32"))
        for encoding in ENCODINGS:
            if (encoding == "7bit" and not seven and charset != "utf-8") or (wide and encoding in ("7bit", "8bit")):
                continue
            found.append((kind, charset, encoding))
    return found


@pytest.mark.parametrize(("kind", "charset", "encoding"), cells("html"))
def test_links_of_html_lead_where_they_led(kind: str, charset: str, encoding: str) -> None:
    codec = CODECS.get(charset, charset)
    lines, values = [], []
    words = WORDS[charset] if encoding != "7bit" or charset != "utf-8" else "plain"
    plain = encoding == "7bit" and charset == "utf-8"
    for number, url in enumerate(URLS):
        quote = "\"'"[number % 2]
        value = html.value(url)
        if not possible(value, codec) or (plain and not value.isascii()):
            value = "".join(c if c.isascii() else f"&#{ord(c)};" for c in value)
        values.append(value)
        tag = ("a", "AREA", "A\r\n")[number % 3]
        lines.append(
            f"<td>{words} &copy; <{tag} class=x HREF{' ' * (number % 2)}={quote}{value}{quote} id='h{number}'>{words}</a>"
        )
    text = (
        f"<html><body><!-- <a href='https://no.test/'> --><p>{words}\r\n"
        + "\r\n".join(lines)
        + "\r\n</body></html>\r\n"
    )
    links = Links()
    content = message(kind, charset, encoding, text.encode(codec))
    added = add(content, Additions(link=links))
    assert added.note is None
    assert links.asked == URLS
    back = decoded(added.content, codec)
    for number, value in enumerate(values, 1):
        back = back.replace(f"https://click.test/t/{number}?a&amp;b", value, 1)
    assert back == text
    head = content.index(b"\r\n\r\n")
    assert added.content[:head] == content[:head]


@pytest.mark.parametrize(("kind", "charset", "encoding"), cells("plain"))
def test_links_of_text_lead_where_they_led(kind: str, charset: str, encoding: str) -> None:
    codec = CODECS.get(charset, charset)
    plain = encoding == "7bit" and charset == "utf-8"
    words = "plain" if plain else WORDS[charset]
    urls = [
        url
        for url in URLS
        if re.fullmatch(r"[^\x00-\x20<>\x7f]+", url) and possible(url, codec) and (url.isascii() or not plain)
    ]
    assert len(urls) >= 240
    text = "".join(f"{words} <{url}> {words}.\r\n" for url in urls)
    links = Links()
    content = message(kind, charset, encoding, text.encode(codec))
    added = add(content, Additions(link=links, text_links=True))
    assert added.note is None
    assert links.asked == urls
    back = decoded(added.content, codec)
    for number, url in enumerate(urls, 1):
        back = back.replace(f"https://click.test/t/{number}?a&b", url, 1)
    assert back == text


def test_links_of_text_are_left_alone_unless_asked_for() -> None:
    content = message("plain", "utf-8", "7bit", b"https://shop.test/\r\n")
    assert add(content, Additions(link=Links())).content == content


def test_what_the_callback_leaves_stays_byte_for_byte() -> None:
    content = message("html", "utf-8", "quoted-printable", b"<a href=https://shop.test/x>x</a>  \r\n=\r\n")
    assert add(content, Additions(link=lambda url: None)).content == content


@pytest.mark.parametrize(
    "href",
    [
        "mailto:a@shop.test", "tel:+4930123", "#top", "/relative", "//shop.test/x", "javascript:alert(1)", "ftp://shop.test/",
        "data:text/html,x", "cid:logo@shop", "https:shop.test", "http:/shop.test", "https://", "", " ", "httpx://shop.test/",
        "{{url}}", "https://shop.test/&#1;x", "x https://shop.test/",
    ],
)  # fmt: skip
def test_nothing_but_web_addresses_is_asked_about(href: str) -> None:
    links = Links()
    content = message(
        "html", "utf-8", "7bit", f'<a href="{href}">x</a><a href="https://shop.test/y">y</a>\r\n'.encode()
    )
    assert f'href="{href}"'.encode() in add(content, Additions(link=links)).content
    assert links.asked == ["https://shop.test/y"]


def test_white_space_that_browsers_drop_is_not_part_of_an_address() -> None:
    links = Links()
    raw = b'<a href=" \r\n https://shop.test/a\r\n\tb?c\t ">x</a>\r\n'
    add(message("html", "utf-8", "7bit", raw), Additions(link=links))
    assert links.asked == ["https://shop.test/ab?c"]


def test_an_unquoted_address_gets_quotes() -> None:
    content = message("html", "utf-8", "7bit", b"<a href=https://shop.test/a/>x</a>\r\n")
    links = Links()
    assert b'<a href="https://click.test/t/1?a&amp;b">x</a>' in add(content, Additions(link=links)).content
    assert links.asked == ["https://shop.test/a/"]
