"""Which parsers read what strangers write, what is true of each whatever it reads, and what does it start from?"""

import csv
import email
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.crypto import Keyring
from mail.verdict import returned
from mail.wire import (
    additions,
    address,
    entity,
    headers,
    html,
    lines,
    mime,
    plain,
    reply,
    returnpath,
    sanitise,
    tokens,
    tracked,
    unsubscribe,
)
from mail.wire.additions import Additions, Piece
from mail.wire.returned import Kind
from mail.wire.unsubscribe import Words

_CORPUS = Path(__file__).parent.parent / "corpus"
_KEYS = Keyring(b"f" * 32)


@dataclass(frozen=True)
class Target:
    """One parser."""

    name: str
    run: Callable[[bytes], None]
    """Raises, also AssertionError, where the parser breaks a promise."""
    seeds: Callable[[], list[bytes]]
    words: Sequence[bytes] = ()
    """What means something to it."""


def _files(*patterns: str) -> list[bytes]:
    found = sorted(path for pattern in patterns for path in _CORPUS.glob(pattern))
    return [path.read_bytes()[:64_000] for path in found]


def _column(file: str, name: str) -> list[bytes]:
    with (_CORPUS / file).open(encoding="utf-8", newline="") as text:
        return [row[name].encode() for row in csv.DictReader(text) if row.get(name)]


def _urls() -> list[bytes]:
    return (_CORPUS / "urls" / "urls.txt").read_bytes().split(b"\n")[:-1]


def _pages() -> list[bytes]:
    body = (
        b"<h1>Hi</h1><p>x <a href='%s'>y</a><table><tr><td><b>z</table><!-- c --><style>p{}</style><% unsubscribe 3 %>"
    )
    whole = b"<!DOCTYPE html><html><head><title>t</title></head><body>%s</body></html>"
    return [
        page
        for url in _urls()[::20]
        for page in (body.replace(b"%s", url), whole.replace(b"%s", body.replace(b"%s", url)))
    ]


# -- what is true, whatever comes


def _headers(raw: bytes) -> None:
    head = headers.scan(raw)
    assert 0 <= head.end <= head.body <= len(raw)
    assert all(field.start < field.colon <= field.end for field in head.fields)
    headers.author(head)
    headers.date_of(head)
    for field in head.fields[:50]:
        headers.decode(head.value(field))


def _mailboxes(raw: bytes) -> None:
    try:
        found = headers.mailboxes(raw.decode("utf-8", "replace"))
    except address.AddressError:
        return
    assert found
    assert all(address.parse_mailbox(str(one)) == one for one in found)


def _path(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    for utf8 in (False, True):
        try:
            address.read_path(text, utf8=utf8)
        except address.AddressError:
            continue


def _reply(raw: bytes) -> None:
    for read in (lambda: reply.from_text(raw.decode("utf-8", "replace")), lambda: reply.parse(raw.split(b"\n"))):
        try:
            found = read()
        except reply.MalformedReply:
            continue
        assert 200 <= found.code <= 599


def _tokens(raw: bytes) -> None:
    text = raw.decode("latin-1")
    assert returnpath.decode(_KEYS, text) is None
    assert tokens.unseal(_KEYS, "fuzz", text) is None
    assert tracked.read(_KEYS, text) is None
    assert unsubscribe.unseal(_KEYS, text) is None


def _targets(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    if tracked.may_track(text):
        assert text.lower().startswith(("http://", "https://"))
        assert not any(c < " " or c == "\x7f" or c == "\\" for c in text)
        assert "@" not in text.split("//", 1)[1].split("/")[0].split("?")[0].split("#")[0]


def _html(raw: bytes) -> None:
    page = html.scan(raw)
    assert 0 <= page.start <= page.end <= len(raw)
    for link in page.links:
        assert 0 <= link.start <= link.end <= len(raw)
        html.attribute(raw[link.start : link.end].decode("latin-1"))


def _to_text(raw: bytes) -> None:
    plain.scan(raw)
    plain.to_text(raw.decode("utf-8", "replace"))


def _sanitise(raw: bytes) -> None:
    try:
        clean = sanitise.sanitise(raw.decode("utf-8", "replace"))
    except ValueError:
        return
    assert "<script" not in clean.lower()


def _entity(raw: bytes) -> None:
    content = lines.canonical(raw)
    try:
        root = entity.read(headers.scan(content))
    except entity.Ambiguous:
        return
    assert all(0 <= part.head.body <= part.end <= len(content) for part in root.walk())


_ALL = Additions(
    Piece("<div>T<% body %>B</div>", "T\n<% body %>\nB — ü\n"),
    Piece("<p>F <% unsubscribe %></p>", "F\n"),
    lambda url: "https://click.test/t/1",
    True,
    "https://click.test/t/p.gif",
    lambda number: Words("<i>out</i>", "out", "https://click.test/u/1"),
    (b"List-Unsubscribe: <https://click.test/u/1>\r\n",),
)


def _additions(raw: bytes) -> None:
    content = lines.canonical(raw)
    added = additions.add(content, _ALL)
    assert additions.add(content, Additions()).content == content
    if added.note:
        # Header fields at most, and the empty line that a header lacked.
        assert added.content.endswith(content[headers.scan(content).body :])
    # It stays what every mail is: lines that end in CRLF.
    assert added.content.count(b"\n") == added.content.count(b"\r\n") == added.content.count(b"\r")


def _narrow(raw: bytes) -> None:
    content = lines.canonical(raw)
    assert mime.narrow(content, eight_bit=False).isascii()
    made = mime.narrow(content, eight_bit=True)
    assert made.count(b"\n") == made.count(b"\r\n") == made.count(b"\r")


def _returned(raw: bytes) -> None:
    kind, told = returned.fates(raw)
    assert told
    # Who asks about one recipient hears of fewer bounces, and of nothing else that is different.
    assert kind is Kind.BOUNCE or returned.fates(raw, about="nobody@far.test")[0] is kind


def _agreeing(raw: bytes) -> None:
    """What we call an attachment another parser finds unchanged after us."""
    content = lines.canonical(raw)
    added = additions.add(content, _ALL)
    if added.note is None:
        before, after = _files_in(content), _files_in(added.content)
        assert before == after


def _files_in(content: bytes) -> list[object]:
    parsed = email.message_from_bytes(content)
    return [
        part.get_payload(decode=True)
        for part in parsed.walk()
        if part.get_content_maintype() not in ("text", "multipart", "message")
    ]


_MIME = (
    b"Content-Type: ", b"multipart/mixed; boundary=b", b"multipart/alternative; boundary=", b"text/html",
    b"text/plain", b"; charset=", b"utf-8", b"iso-2022-jp", b"shift_jis", b"utf-16", b"utf-7",
    b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"8bit", b"\r\n\r\n", b"\r\n", b"--b\r\n",
    b"--b--\r\n", b"\r\n ", b"=\r\n", b"=3D", b'"', b";", b"Content-Disposition: attachment", b"; filename=",
    b"message/rfc822", b"\xff", b"\x1b$B", b"=?utf-8?q?", b"?=", b"From: a@b.test", b"(", b"<", b"\0",
)  # fmt: skip
_MARKUP = (
    b"<a href=", b'<a href="https://x.test/?a=1&amp;b">', b"</a>", b"<!--", b"-->", b"<style>", b"</style>",
    b"<body>", b"</body>", b"</html>", b"<table><tr><td>", b"</table>", b"<div>", b"</div>", b"<% unsubscribe 3 %>",
    b"&lt;% unsubscribe %&gt;", b"<% body %>", b"&#", b"&amp", b"'", b'"', b"=", b">", b"<", b"/", b"<title>",
    b"<textarea", b"https://", b"<!--[if mso]>", b"\xc2\xa0", b"\xff",
    b"<ol start=3>", b"<li>", b"<p style='display:none'>", b"<b style='visibility:visible'>", b" hidden", b"<details>",
    b"<button>", b"</button>", b"<img alt=x>", b"<select>", b"</p>",
)  # fmt: skip
_ADDRESSES = (
    b"<",
    b">",
    b"@",
    b'"',
    b"\\",
    b",",
    b"(",
    b")",
    b":",
    b";",
    b".",
    b"a@b.test",
    b"=?utf-8?q?x?=",
    b"[127.0.0.1]",
    b"\xc3\xbc",
    b"xn--",
)
_REPLIES = (b"550 ", b"550-", b"5.1.1 ", b"4.7.1", b"\r\n", b"\n", b"250", b"\xff", b" ", b"-", b"2.0.0")
_LINKS = (
    b"https://",
    b"http:",
    b"//",
    b"@",
    b"\\",
    b"#",
    b"?",
    b"%00",
    b"\r\n",
    b"[::1]",
    b":80",
    b"xn--",
    b"\xe2\x80\xae",
    b" ",
    b"javascript:",
)


def _mail() -> list[bytes]:
    return [*_files("mime/*.eml", "bounces/*.eml")[:150], *_shown_mail()]


def _shown_mail() -> list[bytes]:
    head = b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    text = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhi https://x.test/ <% unsubscribe %>\r\n"
    return [
        head + text + b"--b\r\nContent-Type: text/html; charset=" + charset + b"\r\n\r\n" + page + b"\r\n--b--\r\n"
        for charset, page in zip(
            [b"utf-8", b"iso-8859-1", b"iso-2022-jp", b"shift_jis"] * 4, _pages()[:16], strict=True
        )
    ]


def _short() -> list[bytes]:
    texts = [
        "a@b.test",
        '"x y" <a@b.test>, c@d.test',
        "<@a,@b:c@d.test> SIZE=1",
        '"a\\"b"@c.test',
        "ü@münchen.test",
        "a@[127.0.0.1]",
    ]
    return [text.encode() for text in texts]


def _made_tokens() -> list[bytes]:
    return [b"b" + b"a" * 40, b"A" * 80, b"u" + b"2" * 40, b"-_" * 30]


def _fields() -> list[bytes]:
    return [mail.partition(b"\r\n\r\n")[0] + b"\r\n" for mail in _mail()]


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("headers", _headers, _fields, (*_MIME, *_ADDRESSES)),
        Target("mailboxes", _mailboxes, _short, _ADDRESSES),
        Target("path", _path, _short, _ADDRESSES),
        Target("reply", _reply, lambda: _column("replies/replies.csv", "smtp_reply_text"), _REPLIES),
        Target("tokens", _tokens, _made_tokens, (b"a", b"2", b"=", b"-", b"_", b"A")),
        Target("targets", _targets, _urls, _LINKS),
        Target("html", _html, _pages, _MARKUP),
        Target("to_text", _to_text, _pages, _MARKUP),
        Target("sanitise", _sanitise, _pages, _MARKUP),
        Target("entity", _entity, _mail, _MIME),
        Target("additions", _additions, _mail, (*_MIME, *_MARKUP)),
        Target("attachments", _agreeing, _shown_mail, (*_MIME, *_MARKUP)),
        Target("narrow", _narrow, _mail, _MIME),
        Target(
            "returned",
            _returned,
            lambda: _files("bounces/*.eml", "complaints/*.eml", "autoreplies/*.eml"),
            (*_MIME, *_REPLIES, *_ADDRESSES),
        ),
    )
}


def inputs(target: Target) -> Iterator[bytes]:
    """What it starts from."""
    yield b""
    yield from target.seeds()
