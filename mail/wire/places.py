"""What may be changed in a piece of HTML or text? Its links with the URLs they mean, its tags, and where it begins and ends.

Mail's parts and the account's own pieces are read alike: a template has links and tags as well. `changes` says what becomes
of links and tags for one recipient, `spliced` carries changes out.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mail.wire import html, plain
from mail.wire.charset import UTF_8, Charset
from mail.wire.html import Tag
from mail.wire.unsubscribe import Words

type Change = tuple[int, int, bytes]
"""From one offset to another, what stands there becomes these bytes."""

LONGEST_URL = 16_000


class Unwritable(Exception):
    """The charset of a text does not have the letters of what is put in."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that somebody may follow."""

    start: int
    end: int
    quoted: bool
    url: str
    """As a program that follows it would ask for it: decoded, and without the white space that it would drop."""


@dataclass(frozen=True, slots=True)
class Places:
    """A document with what may be changed in it."""

    document: bytes
    charset: Charset
    markup: bool
    """HTML, or plain text."""
    targets: tuple[Target, ...]
    tags: tuple[Tag, ...]
    start: int
    end: int
    closing: bytes
    deep: bool = False


def places(document: bytes, charset: Charset, *, markup: bool) -> Places:
    """Read a document, whose bytes below 128 are ASCII. Never fails."""
    letters = charset if charset.agrees else UTF_8
    if markup:
        page = html.scan(document)
        found = [(link.start, link.end, link.quoted) for link in page.links]
        targets = tuple(filter(None, (_target(document, *link, letters, markup) for link in found)))
        return Places(document, charset, markup, targets, page.tags, page.start, page.end, page.closing, page.deep)
    sheet = plain.scan(document)
    targets = tuple(filter(None, (_target(document, *link, False, letters, markup) for link in sheet.links)))
    return Places(document, charset, markup, targets, sheet.tags, 0, len(document), b"")


# Only these are ever led elsewhere; RFC 3986 §3.1: in any case.
_HTTP = re.compile(r"https?://[^\x00-\x20\x7f]", re.IGNORECASE)
_DROPPED = re.compile(r"[\t\n\r]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def _target(document: bytes, start: int, end: int, quoted: bool, letters: Charset, markup: bool) -> Target | None:
    if not 8 <= end - start <= LONGEST_URL:
        return None
    text = letters.letters(document[start:end])
    if text is None:
        return None
    if markup:
        # WHATWG URL, basic URL parser: white space at both ends, and tabs and line ends anywhere, are not part of it.
        text = _DROPPED.sub("", html.attribute(text).strip("\t\n\f\r "))
    if not _HTTP.match(text) or _CONTROLS.search(text):
        return None
    return Target(start, end, quoted, text)


def changes(
    found: Places, link: Callable[[str], str | None] | None, unsubscribe: Callable[[int | None], Words] | None
) -> list[Change]:
    """What becomes of links and tags. Raises Unwritable."""
    made: list[Change] = []
    if link is not None:
        for target in found.targets:
            url = link(target.url)
            if url is not None:
                made.append((target.start, target.end, _value(url, target.quoted) if found.markup else url.encode()))
    if unsubscribe is not None:
        for tag in found.tags:
            words = unsubscribe(tag.number)
            if tag.link is not None:
                new = _value(words.url, tag.link.quoted)
            elif found.markup:
                new = found.charset.markup(words.html)
            else:
                new = lettered(found.charset, words.text)
            made.append((tag.start, tag.end, new))
    return made


def _value(url: str, quoted: bool) -> bytes:
    return html.value(url).encode() if quoted else b'"%s"' % html.value(url).encode()


def lettered(charset: Charset, text: str) -> bytes:
    """Words for a plain text. Raises Unwritable."""
    raw = charset.text(text)
    if raw is None:
        raise Unwritable
    return raw


def spliced(content: bytes, made: Sequence[Change]) -> bytes:
    """The content with every change carried out; of several at one offset the first given comes first."""
    pieces: list[bytes] = []
    position = 0
    for start, end, new in sorted(made, key=lambda change: change[0]):
        pieces += (content[position:start], new)
        position = end
    pieces.append(content[position:])
    return b"".join(pieces)


# -- the account's own pieces

_BODY = re.compile(r"(?:<|&lt;)%\s*+body\s*+%(?:>|&gt;)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A template or a footer: the same in HTML and in plain text."""

    html: str
    text: str
    """A template has `<% body %>` once in each."""


@lru_cache(maxsize=512)
def halves(text: str, *, markup: bool) -> tuple[Places, Places]:
    """What stands before `<% body %>`, and what stands after it: a footer's all."""
    found = _BODY.search(text)
    before, after = (text[: found.start()], text[found.end() :]) if found else ("", text)
    return tuple(places(half.encode("utf-8", "replace"), UTF_8, markup=markup) for half in (before, after))  # type: ignore[return-value]


def rendered(
    half: Places, link: Callable[[str], str | None] | None, unsubscribe: Callable[[int | None], Words] | None
) -> str:
    """A piece for one recipient."""
    return spliced(half.document, changes(half, link, unsubscribe)).decode("utf-8")
