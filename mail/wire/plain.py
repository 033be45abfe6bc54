"""What does mail say in plain text? The links that stand in it, and what HTML says to who cannot read HTML.

`scan` finds URLs as mail programs do that make them clickable, at their offsets: those between < and > whole (RFC 3986
appendix C), others without the full stop or the bracket of the sentence around them. `to_text` is the one "HTML to text": for
the editor's button and for what goes out. Linear in the size.
"""

import re
from dataclasses import dataclass

from mail.wire import html
from mail.wire.html import Kind

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


_PARAGRAPHS = frozenset(b"p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre hr fieldset".split())
_LINES = frozenset(
    b"div tr li dt dd br section article header footer main aside nav address figure figcaption caption center form".split()
)
_UNSEEN = frozenset(b"noscript object audio video select".split())
_BLANK = re.compile(r"[\t\n\f\r ]+")
_BODY = re.compile(r"(<%\s*+body\s*+%>)", re.IGNORECASE)


class _Paper:
    """Words and white space, as they come; white space is written only once words follow."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.breaks = 0
        self.space = False

    def put(self, text: str) -> None:
        if not text:
            return
        if self.breaks and self.pieces:
            self.pieces.append("\n" * self.breaks)
        elif self.space and self.pieces:
            self.pieces.append(" ")
        self.breaks, self.space = 0, False
        self.pieces.append(text)

    def flow(self, text: str) -> None:
        """Words of a paragraph: any white space is one space. The body of a template is paragraphs of its own."""
        for place, piece in enumerate(_BODY.split(text)):
            if place % 2:
                self.end(2)
                self.put(piece)
                self.end(2)
            else:
                self._flow(piece)

    def _flow(self, text: str) -> None:
        blank = _BLANK.sub(" ", text.replace("\N{NO-BREAK SPACE}", " "))
        if blank.startswith(" ") and not self.breaks:
            self.space = True
        inner = blank.strip(" ")
        self.put(inner)
        if inner and blank.endswith(" "):
            self.space = True

    def end(self, lines: int) -> None:
        self.breaks, self.space = max(self.breaks, lines), False


def to_text(markup: str) -> str:
    """What the HTML says, as plain text: paragraphs, lists, links behind their words, pictures by what they are called.

    Lines end in \\n, the last one too unless there is nothing. The account's own tags stay as they are.
    """
    document = markup.encode("utf-8", "replace")
    paper = _Paper()
    position, verbatim, unseen = 0, 0, 0
    link: tuple[str, int] | None = None
    for kind, mark, stop, name, attributes in html.tokens(document):
        said = html.words(document[position:mark].decode("utf-8", "replace")) if mark > position else ""
        if said and not unseen:
            paper.put(said.replace("\r\n", "\n").strip("\n")) if verbatim else paper.flow(said)
        position = stop
        if kind is Kind.HIDDEN:
            break
        if kind is Kind.OTHER:
            continue
        opens = kind is Kind.OPEN
        if name in _UNSEEN:
            unseen = max(0, unseen + (1 if opens else -1))
        elif name in _PARAGRAPHS:
            paper.end(2)
            if name == b"hr":
                paper.put("-" * 40)
                paper.end(2)
            elif name == b"pre":
                verbatim = max(0, verbatim + (1 if opens else -1))
        elif name in _LINES:
            if name == b"br":
                paper.end(min(paper.breaks + 1, 2))
            else:
                paper.end(1)
            if name == b"li" and opens:
                paper.put("-")
                paper.space = True
        elif name in (b"td", b"th"):
            paper.space = paper.space or not opens
        elif name == b"img" and opens:
            paper.flow(html.read_attribute(document, b"alt", attributes, stop) or "")
        elif name == b"a":
            _follow(paper, link)
            link = None
            target = html.read_attribute(document, b"href", attributes, stop) if opens else None
            if target and not target.startswith(("#", "javascript:")):
                link = target.strip(), len(paper.pieces)
    else:
        rest = html.words(document[position:].decode("utf-8", "replace"))
        if not unseen:
            paper.flow(rest)
    _follow(paper, link)
    text = "".join(paper.pieces)
    return text + "\n" if text else ""


def _follow(paper: _Paper, link: tuple[str, int] | None) -> None:
    """Write behind a link's words where it leads, unless they say so themselves."""
    if link is None:
        return
    target, since = link
    said = "".join(paper.pieces[since:]).strip()
    bare = target.removeprefix("mailto:")
    if said not in (target, bare, bare.removeprefix("https://"), bare.removeprefix("http://")):
        paper.space = True
        paper.put(f"<{bare}>")
