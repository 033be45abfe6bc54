"""What does mail say in plain text? The links that stand in it, and what HTML says to who cannot read HTML.

`scan` finds URLs as mail programs do that make them clickable, at their offsets: those between < and > whole (RFC 3986
appendix C), others without the full stop or the bracket of the sentence around them. `to_text` is the one "HTML to text": for
the editor's button and for what goes out. Linear in the size.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from mail.wire import html
from mail.wire.hidden import Sight, sight
from mail.wire.html import Kind
from mail.wire.paper import Level, Paper

_URL = re.compile(rb"<(https?://[^\x00-\x20<>\x7f]++)>|(?<![A-Za-z0-9])https?://[^\x00-\x20<>\"\x7f]++", re.IGNORECASE)
_TAG = re.compile(rb"<%[ \t]*+unsubscribe(?:[ \t]++([0-9]{1,9}))?+[ \t]*+%>", re.IGNORECASE)
_SENTENCE = b".,;:!?'*_~"
_BRACKETS = {b")": b"(", b"]": b"[", b"}": b"{"}
# What ends sentences and quotations elsewhere, in UTF-8.
_ELSEWHERE = tuple(mark.encode() for mark in "。、，．！？：；）］」』】》…”’»")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The places of a plain text."""

    links: tuple[tuple[int, int], ...]
    """Where each URL begins and ends."""
    tags: tuple[html.Tag, ...]


def scan(text: bytes) -> Sheet:
    """Find URLs and the account's own tags. Never fails."""
    links: list[tuple[int, int]] = []
    if b"://" in text:
        for found in _URL.finditer(text):
            if found[1] is not None:
                links.append(found.span(1))
            else:
                links.append((found.start(), found.start() + len(_trimmed(found[0]))))
    tags = tuple(
        html.Tag(found.start(), found.end(), int(found[1]) if found[1] else None) for found in _TAG.finditer(text)
    )
    return Sheet(tuple(links), tags)


def _trimmed(url: bytes) -> bytes:
    """Without what belongs to the sentence around it."""
    end = len(url)
    surplus = {close: url.count(close) - url.count(opening) for close, opening in _BRACKETS.items()}
    while end:
        last = url[end - 1 : end]
        if last in _SENTENCE:
            end -= 1
        elif surplus.get(last, 0) > 0:
            surplus[last] -= 1
            end -= 1
        elif last >= b"\x80" and (mark := next((m for m in _ELSEWHERE if url.endswith(m, 0, end)), None)):
            end -= len(mark)
        else:
            break
    return url[:end]


_PARAGRAPHS = frozenset(b"p h1 h2 h3 h4 h5 h6 dl table blockquote pre hr fieldset".split())
_LISTS = frozenset(b"ul ol menu dir".split())
_LINES = frozenset(
    b"div tr li dt dd br section article header footer main aside nav address figure figcaption caption center form "
    b"details summary legend dialog hgroup search option optgroup marquee".split()
)
_BLOCKS = _PARAGRAPHS | _LISTS | _LINES - {b"br"}
_UNSEEN = frozenset(b"noscript object audio video select".split())
# Between them and the words on either side is something to be seen, whatever it is.
_BOXES = frozenset(b"img button input textarea iframe embed canvas svg math meter progress".split()) | _UNSEEN
_VOID = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
# Of these the end tag is part of the token.
_WHOLE = frozenset(b"style script title textarea xmp iframe noembed noframes".split())
# Begun, they end what they cannot stand in.
_SIBLINGS = {
    b"li": frozenset((b"li",)),
    b"dt": frozenset((b"dt", b"dd")),
    b"dd": frozenset((b"dt", b"dd")),
    b"td": frozenset((b"td", b"th")),
    b"th": frozenset((b"td", b"th")),
    b"tr": frozenset((b"td", b"th", b"tr")),
}
_INTEGER = re.compile(r"\s*+([+-]?[0-9]{1,9})(?![0-9])")


class _Look(NamedTuple):
    """How words are read at a place."""

    gone: bool = False
    invisible: bool = False
    verbatim: bool = False

    @property
    def seen(self) -> bool:
        return not (self.gone or self.invisible)


class _Reader:
    """The elements that are open, and what was before each of them."""

    def __init__(self) -> None:
        self.paper = Paper()
        self.look = _Look()
        self._open: list[tuple[bytes, _Look, Level | None]] = []
        self._counts: dict[bytes, int] = {}
        self._target: str | None = None

    def words(self, said: str) -> None:
        """Text between two tags."""
        if said and self.look.seen:
            if self.look.verbatim:
                self.paper.put(said.replace("\r\n", "\n").strip("\n"))
            else:
                self.paper.flow(said)

    def begin(self, document: bytes, name: bytes, attributes: int, stop: int) -> None:
        """A start tag, or an element without others in it."""
        self._make_room(name)
        look = self.look
        sighted = sight(document, attributes, stop)
        if sighted is Sight.GONE or name in _UNSEEN:
            look = look._replace(gone=True)
        elif sighted is not None:
            look = look._replace(invisible=sighted is Sight.INVISIBLE)
        before, self.look = (self.look, self.paper.level), look
        if name in _BOXES or (not look.seen and (name in _BLOCKS or not look.gone)):
            self.paper.apart = True
        if look.seen:
            self._write(document, name, attributes, stop)
        if name in _VOID or name in _WHOLE:
            self.look = before[0]
            return
        if name == b"pre":
            self.look = look._replace(verbatim=True)
        self._open.append((name, *before))
        self._counts[name] = self._counts.get(name, 0) + 1

    def end(self, name: bytes) -> None:
        """An end tag."""
        seen = self.look.seen
        if seen and name == b"li":
            self.paper.leave_item()
        if self._counts.get(name):
            while self._pop() != name:
                pass
        if name == b"a":
            self.follow()
        if not seen:
            if name in _BLOCKS and self.look.seen:
                self.paper.apart = True
        elif name in _BOXES:
            self.paper.apart = True
        elif name in (b"td", b"th"):
            self.paper.space = True
        else:
            self._break(name)

    def follow(self) -> None:
        """Write behind a link's words where it leads, unless they say so themselves."""
        if self._target is None:
            return
        target, self._target = self._target, None
        said, bare = self.paper.heard(), target.removeprefix("mailto:")
        if said not in (target, bare, bare.removeprefix("https://"), bare.removeprefix("http://")):
            self.paper.space = True
            self.paper.put(f"<{bare}>")
        # Words right behind it would be a part of it.
        self.paper.apart = True

    def _write(self, document: bytes, name: bytes, attributes: int, stop: int) -> None:
        def said(attribute: bytes) -> str | None:
            return html.read_attribute(document, attribute, attributes, stop)

        paper = self.paper
        if name in _LISTS:
            paper.enter(_number(said(b"start"), 1) if name == b"ol" else None)
        elif name == b"li":
            paper.item(_number(said(b"value"), None))
        elif name == b"img":
            paper.flow(said(b"alt") or "")
            paper.apart = True
        elif name == b"a":
            self.follow()
            target = said(b"href")
            if target and not target.startswith(("#", "javascript:")):
                self._target = target.strip()
                paper.listen()
        else:
            self._break(name)
            if name == b"hr":
                paper.put("-" * 40)
                paper.end(2)

    def _break(self, name: bytes) -> None:
        if name == b"br":
            self.paper.end(min(self.paper.breaks + 1, 2))
        elif name in _PARAGRAPHS or (name in _LISTS and self.paper.level is None):
            self.paper.end(2)
        elif name in _LINES or name in _LISTS:
            self.paper.end(1)

    def _make_room(self, name: bytes) -> None:
        """End what ends where an element of this name begins."""
        siblings = _SIBLINGS.get(name, frozenset())
        if self._open and self._open[-1][0] == b"p" and (siblings or name in _BLOCKS):
            self._pop()
        while self._open and self._open[-1][0] in siblings:
            self._pop()

    def _pop(self) -> bytes:
        name, self.look, self.paper.level = self._open.pop()
        self._counts[name] -= 1
        return name


def _number[Other](said: str | None, other: Other) -> int | Other:
    found = _INTEGER.match(said) if said else None
    return int(found[1]) if found else other


def to_text(markup: str) -> str:
    """What the HTML says, as plain text: paragraphs, lists, links behind their words, pictures by what they are called.

    Lines end in \\n, the last one too unless there is nothing. The account's own tags stay as they are. What is hidden by
    its own tag is left out (`mail.wire.hidden`).
    """
    document = markup.encode("utf-8", "replace")
    reader = _Reader()
    position = 0
    for kind, mark, stop, name, attributes in html.tokens(document):
        if mark > position:
            reader.words(html.words(document[position:mark].decode("utf-8", "replace")))
        position = stop
        if kind is Kind.HIDDEN:
            break
        if kind is Kind.OPEN:
            reader.begin(document, name, attributes, stop)
        elif kind is Kind.CLOSE:
            reader.end(name)
    else:
        reader.words(html.words(document[position:].decode("utf-8", "replace")))
    reader.follow()
    return reader.paper.text()
