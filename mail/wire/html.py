"""Where in an HTML document do its links lead, and where do its words begin and end? One pass; the source is never rewritten.

A parser that makes a tree and writes it out again changes everything. Here the bytes stay as they are, and `scan` says
at which offsets something may be put in: the values of href in <a> and <area>, the place before the first words, the
place after the last, and the account's own tags (`<% unsubscribe 3 %>`). Markup is told from words as the HTML standard
does it (WHATWG HTML, tokenization): quotes count only where a value may begin, the first of two hrefs counts, and
nothing is markup within comments, <style>, <script>, <title> and their like. Conditional comments are comments: what
they say to one program alone is not touched.

Documents come in every state. What is never closed (a comment, a tag, a <style>) hides all that follows, so the end is
before it; what is open where the words end (<table>, <div>) is closed first, so that an addition stands neither in a cell
nor in a link.

Documents are bytes in any charset that agrees with ASCII wherever a byte is below 128. Linear in the size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from html import unescape
from html.entities import html5

DEEPEST = 1_000
"""Elements that may be open at a time; beyond that other programs' parsers stop or crash."""

_WS = rb"[\t\n\f\r ]"
_UNQUOTED = rb"[^\t\n\f\r >\"'][^\t\n\f\r >]*+"
# A name may begin with "=", and a value that begins with a quote which is never closed matches nothing.
_ATTRIBUTE = (
    rb"[^\t\n\f\r />][^\t\n\f\r />=]*+(?:(?!" + _WS + rb"*+=)|" + _WS + rb"*+=" + _WS + rb"*+"
    rb"(?:\"[^\"]*+\"|'[^']*+'|" + _UNQUOTED + rb"|(?=>)))"
)
_TAG_REST = rb"(?:[\t\n\f\r /]++|" + _ATTRIBUTE + rb")*+>"
_REST = re.compile(_TAG_REST)
# The same, one at a time: name, value in double quotes, in single ones, in none.
_ONE = re.compile(
    rb"[\t\n\f\r /]*+([^\t\n\f\r />][^\t\n\f\r />=]*+)(?:" + _WS + rb"*+=" + _WS + rb"*+"
    rb"(?:\"([^\"]*+)\"|'([^']*+)'|(" + _UNQUOTED + rb")|(?=>)))?+"
)
# A whole tag, or what else begins markup.
_MARKUP = rb"<(?:(/?+)([A-Za-z][^\t\n\f\r />]*+)" + _TAG_REST + rb"|(?=[A-Za-z/!?]))"
_MARK = re.compile(_MARKUP)
_GAP = rb"(?:[\t\n\f\r ]|&nbsp;|&#160;|\xc2?+\xa0)"
_TAG = rb"%" + _GAP + rb"*+unsubscribe(?:" + _GAP + rb"++(?P<number>[0-9]{1,9}))?+" + _GAP + rb"*+%(?:>|&gt;)"
_MARK_OR_TAG = re.compile(_MARKUP + rb"|(?:<|&lt;)(?P<tag>" + _TAG + rb")", re.IGNORECASE)
# As the whole of an href, where editors like to write it percent-encoded, and some a scheme before it.
_LINK_TAG = re.compile(
    r"\s*+(?:https?://)?+(?:<|%3c)%(?:25)?+(?:\s|%20)*+unsubscribe(?:(?:\s|%20)++([0-9]{1,9}))?+(?:\s|%20)*+%(?:25)?+(?:>|%3e)\s*+",
    re.IGNORECASE,
)

# Tags that `scan` need not see: most of those in a newsletter.
_DULL_TAGS = rb"</?+(?:t[drh]|tbody|thead|p|br|img|li|hr|col|o:p)(?=[\t\n\f\r />])" + _TAG_REST
# So is an inline element with nothing but words in it.
_INLINE = rb"<(?P<inline>span|b|i|u|em|strong|font|small)(?=[\t\n\f\r />])" + _TAG_REST
_INLINE_END = rb"</(?P=inline)[\t\n\f\r ]*+>"
_DULL = re.compile(rb"(?:[^<]++|" + _DULL_TAGS + rb"|" + _INLINE + rb"[^<]*+" + _INLINE_END + rb")++", re.IGNORECASE)
_DULL_BUT_TAGS = re.compile(
    rb"(?:[^<&]++|&(?!lt;%)|" + _DULL_TAGS + rb"|" + _INLINE + rb"[^<&]*+" + _INLINE_END + rb")++", re.IGNORECASE
)

_COMMENT_END = re.compile(rb"--!?>")
_RAW_END = {
    name: re.compile(rb"</" + name + rb"(?=[\t\n\f\r />])", re.IGNORECASE)
    for name in (b"style", b"script", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes")
}
# Before the words: a document's words may begin only after these.
_HEAD = frozenset((b"html", b"head", b"meta", b"link", b"base", b"title", b"style", b"script"))
# What has to be closed. The end tag of one that is closed already does nothing, which is not so of <p> and <br>.
_CLOSED = frozenset(
    b"a address article aside b big blockquote button center cite code div dl em fieldset figure font footer form "
    b"h1 h2 h3 h4 h5 h6 header i ins label main nav nobr ol pre s section select small span strike strong sub sup table "
    b"tt u ul".split()
)
# Of these, those that go on behind the end of what they were opened in, three of a kind at most.
_FORMATTING = frozenset(b"a b big code em font i nobr s small strike strong tt u".split())
_AT_MOST = 3
# Of these, those that end with the formatting they stand in, as it does itself.
_INLINES = _FORMATTING | frozenset(b"cite ins label span sub sup".split())
# An end tag in one of these ends nothing outside of it.
_WALLS = (b"table", b"select")


class Kind(IntEnum):
    """What a token is."""

    OPEN = 1
    """A start tag; of elements without markup in them (<style>) the whole element."""
    CLOSE = 2
    OTHER = 3
    """A comment, a declaration or an end tag without a name: nothing is shown of it."""
    TAG = 4
    """`<% unsubscribe %>`, where it was asked for."""
    HIDDEN = 5
    """The rest of the document, within something that is never closed."""


type Token = tuple[Kind, int, int, bytes, int]
"""Its kind, where it begins and ends, its name in lower case (of a TAG its number), and where its attributes begin."""


def tokens(document: bytes, *, tags: bool = False, all: bool = True) -> Iterator[Token]:
    """The markup of a document, in order; what lies between two tokens is words.

    `tags`: find the account's tags too. Without `all`, tags of no consequence for `scan` are passed over as if they were words.
    """
    search = (_MARK_OR_TAG if tags else _MARK).search
    dull = None if all else (_DULL_BUT_TAGS if tags else _DULL).match
    position, size = 0, len(document)
    while True:
        if dull is not None and (passed := dull(document, position)) is not None:
            position = passed.end()
        found = search(document, position)
        if found is None:
            return
        mark, position = found.span()
        slash, name = found.group(1, 2)
        if name is None:
            if tags and found["tag"] is not None:
                yield Kind.TAG, mark, position, found["number"] or b"", position
                continue
            position = _declaration_end(document, mark)
            if position < 0:
                yield Kind.HIDDEN, mark, size, b"", size
                return
            yield Kind.OTHER, mark, position, b"", position
            continue
        name = name.lower()
        attributes = found.end(2)
        if slash:
            yield Kind.CLOSE, mark, position, name, attributes
            continue
        if name in _RAW_END:
            ended = _RAW_END[name].search(document, position)
            closed = None if ended is None else _REST.match(document, ended.end())
            position = -1 if closed is None else closed.end()
        if position < 0 or name == b"plaintext":
            yield Kind.HIDDEN, mark, size, name, attributes
            return
        yield Kind.OPEN, mark, position, name, attributes


def _declaration_end(document: bytes, mark: int) -> int:
    """The end of what begins like markup and is no whole tag; negative where it has none."""
    if document[mark + 1 : mark + 3].lstrip(b"/")[:1].isalpha():
        return -1
    if not document.startswith(b"<!--", mark):
        return document.find(b">", mark) + 1 or -1
    if document.startswith(b">", mark + 4):
        return mark + 5
    if document.startswith(b"->", mark + 4):
        return mark + 6
    found = _COMMENT_END.search(document, mark + 4)
    return -1 if found is None else found.end()


@dataclass(frozen=True, slots=True)
class Link:
    """The value of one href."""

    start: int
    end: int
    quoted: bool
    """It stands in quotes, which are not part of it."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One `<% unsubscribe %>`, which may give a number, among the words or as the whole of an href."""

    start: int
    end: int
    number: int | None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The places of a document."""

    links: tuple[Link, ...]
    tags: tuple[Tag, ...]
    start: int
    """Before the first words, within <body>."""
    end: int
    """After the last words, within <body>, where nothing hides what is put there."""
    closing: bytes
    """End tags of what is open at `end`; they belong before an addition."""
    deep: bool
    """More than DEEPEST elements are open at a time, and the rest is not to be relied on."""


def scan(document: bytes) -> Page:
    """Find the places. Never fails."""
    tags: list[Tag] = []
    links: list[Link] = []
    opened = _Opened()
    # Where the words begin moves on as long as there is nothing but a head.
    start = position = 3 if document.startswith(b"\xef\xbb\xbf") else 0
    head, deep = True, False
    end, after = -1, b""  # the end tag before which the words end, and its name
    still: tuple[bytes, ...] = ()
    tagged = b"unsubscribe" in document.lower()
    for kind, mark, stop, name, attributes in tokens(document, tags=tagged, all=False):
        if head:
            if document[position:mark].strip() or kind >= Kind.TAG:
                head = False
            elif kind is Kind.OTHER or name in _HEAD:
                start = stop
            else:
                head = False
                if kind is Kind.OPEN and name == b"body":
                    start = stop
            position = stop
        if kind is Kind.OPEN:
            if name in _CLOSED:
                opened.begin(name)
                if len(opened.names) > DEEPEST:
                    deep = True
                    break
            if name == b"a" or name == b"area":
                link = _find(document, b"href", attributes, stop)
                if link is not None:
                    number = _link_tag(document, link) if tagged else None
                    if number is None:
                        links.append(link)
                    else:
                        tags.append(Tag(link.start, link.end, number or None, link))
        elif kind is Kind.CLOSE:
            if name in _CLOSED:
                opened.end(name)
            elif name == b"body" or (name == b"html" and after != b"body"):
                # Words behind it are shown all the same, so the last one counts.
                end, after, still = mark, name, tuple(opened.names)
        elif kind is Kind.TAG:
            tags.append(Tag(mark, stop, int(name) if name else None))
        elif kind is Kind.HIDDEN and end < 0:
            end, still = mark, tuple(opened.names)
    if end < 0:
        end, still = len(document), tuple(opened.names)
    closing = b"".join(b"</%s>" % name for name in reversed(still))
    return Page(tuple(links), tuple(tags), min(start, end), end, closing, deep)


class _Opened:
    """What is open at a place of a document, as far as it has to be closed."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        # How many of each are open within the innermost wall, and within those around it.
        self._counts: dict[bytes, int] = {}
        self._around: list[dict[bytes, int]] = []
        self._walls = dict.fromkeys(_WALLS, 0)

    def begin(self, name: bytes) -> None:
        if name == b"select" and self._walls[name]:
            self.end(name)  # one within another ends it
            return
        self.names.append(name)
        if name in _WALLS:
            self._walls[name] += 1
            self._around.append(self._counts)
            self._counts = {}
        else:
            self._counts[name] = self._counts.get(name, 0) + 1

    def end(self, name: bytes) -> None:
        """An end tag: it ends what is in it as well, and reaches nothing outside of the wall that it stands in."""
        if not (self._walls[name] if name in _WALLS else self._counts.get(name)):
            return
        if name in _FORMATTING and self._leave(name):
            return
        on: list[bytes] = []
        while (last := self._pop()) != name:
            if last in _FORMATTING:
                on.append(last)
        for one in reversed(on):
            if self._counts.get(one, 0) < _AT_MOST:
                self.begin(one)

    def _leave(self, name: bytes) -> bool:
        """Take formatting out from under the blocks that were begun in it, which stay; False where there are none."""
        place = len(self.names) - 1
        blocks = False
        while self.names[place] != name:
            blocks = blocks or self.names[place] not in _INLINES
            place -= 1
        if blocks:
            del self.names[place]
            self._counts[name] -= 1
        return blocks

    def _pop(self) -> bytes:
        last = self.names.pop()
        if last in _WALLS:
            self._walls[last] -= 1
            self._counts = self._around.pop()
        else:
            self._counts[last] -= 1
        return last


def _find(document: bytes, name: bytes, position: int, stop: int) -> Link | None:
    """The value of the first attribute of that name; a second one means nothing."""
    for found in _each(document, position, stop):
        if found[1].lower() == name:
            group = found.lastindex or 1
            return Link(*found.span(group), quoted=group < 4) if group > 1 else None
    return None


def read_attribute(document: bytes, name: bytes, position: int, stop: int) -> str | None:
    """What the attribute says, of a tag in a UTF-8 document whose attributes lie between `position` and `stop`."""
    found = _find(document, name, position, stop)
    return None if found is None else attribute(document[found.start : found.end].decode("utf-8", "replace"))


def has_attribute(document: bytes, name: bytes, position: int, stop: int) -> bool:
    """Whether a tag has the attribute at all, with or without a value."""
    return any(found[1].lower() == name for found in _each(document, position, stop))


def _each(document: bytes, position: int, stop: int) -> Iterator[re.Match[bytes]]:
    while (found := _ONE.match(document, position, stop)) is not None:
        yield found
        position = found.end()


def _link_tag(document: bytes, link: Link) -> int | None:
    """The number of the tag that an href is, 0 where it gives none; None where it is no tag."""
    raw = document[link.start : link.end]
    if b"nsub" not in raw.lower():
        return None
    found = _LINK_TAG.fullmatch(attribute(raw.decode("latin-1")))
    return int(found[1] or 0) if found else None


_REFERENCE = re.compile(r"&(?:#([0-9]++);?+|#([xX][0-9A-Fa-f]++);?+|([A-Za-z][A-Za-z0-9]*+)(;?+)(=?+))")
_IN_TEXT = re.compile(r"&(?:#([0-9]++);?+|#([xX][0-9A-Fa-f]++);?+|([A-Za-z][A-Za-z0-9]{0,31}+;?+))")


def attribute(value: str) -> str:
    """What an attribute's value says: character references decoded as the standard wants it in attributes.

    There `&copy=1` and `&copyright` are what they look like, or half the world's URLs would break.
    """
    return _REFERENCE.sub(_referred, value) if "&" in value else value


def _referred(found: re.Match[str]) -> str:
    decimal, hexadecimal, name, ended, equals = found.groups()
    if name is None:
        return _character(decimal or hexadecimal)
    if equals and not ended:
        return found[0]
    known = html5.get(name + ended)
    return found[0] if known is None else known + equals


def _character(number: str) -> str:
    """The character of that number, as the standard corrects it. Python refuses to read thousands of digits."""
    digits = number[1:].lstrip("0") if number[0] in "xX" else number.lstrip("0")
    point = int(digits or "0", 16 if number[0] in "xX" else 10) if len(digits) < 8 else 0
    if 0x80 <= point < 0xA0:
        return bytes((point,)).decode("cp1252", "ignore") or chr(point)
    return chr(point) if 0 < point < 0xD800 or 0xDFFF < point < 0x110000 else "\N{REPLACEMENT CHARACTER}"


def words(value: str) -> str:
    """What text between tags says: character references decoded."""
    return _IN_TEXT.sub(lambda found: unescape(found[0]) if found[3] else _character(found[1] or found[2]), value)


def value(text: str) -> str:
    """The text as the value of an attribute in either kind of quotes."""
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#39;")
