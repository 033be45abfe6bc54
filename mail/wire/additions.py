"""What does a message become with a template, a footer, links of ours and a pixel? Its own bytes, and ours put between them.

`opened` reads a message once and finds where something may be put; `Opened.add` does it for one recipient. Every byte that
is not meant to change stays: whole parts as they are encoded, and in a part that gets something every letter around it.
A message that cannot be changed with certainty goes as it is, and `note` says why: it is signed or encrypted (RFC 1847,
RFC 8551, RFC 3156, OpenPGP in the text, somebody's DKIM), programs would not agree on its parts, or a part is too large or
too deep. Then nothing is added to any part, for half a footer is worse than none.

Where things go: a template around the message's words and a footer under them, in the first text and the first HTML that
are shown, in all alternatives of it; links and tags wherever text or HTML is shown; the pixel at the end of HTML. Files
are never touched, nor is a message within the message.

Linear in the size. Besides the message itself and the one that is made, what is decoded of its texts is in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from mail.wire import html, leaves
from mail.wire.entity import Ambiguous, Entity, read
from mail.wire.headers import Head, edit, scan
from mail.wire.leaves import Leaf
from mail.wire.places import Change, Piece, Unwritable, changes, halves, lettered, rendered, spliced
from mail.wire.unsubscribe import Words

__all__ = ["Added", "Additions", "Opened", "Piece", "add", "opened", "tags_of", "urls_of"]

type Link = Callable[[str], str | None]

MOST_CHANGES = 2_000
"""Links and tags of a message; a long newsletter has two hundred."""


@dataclass(frozen=True, slots=True)
class Additions:
    """What is put into the message of one recipient."""

    template: Piece | None = None
    footer: Piece | None = None
    link: Link | None = None
    """The URL to put in the place of one that was found, in ASCII; None leaves it. Asked for http and https alone."""
    text_links: bool = False
    """Ask for those in plain text too."""
    pixel: str | None = None
    """URL of a picture that tells when it is looked at."""
    unsubscribe: Callable[[int | None], Words] | None = None
    """What `<% unsubscribe %>` or, with its number, `<% unsubscribe 3 %>` becomes; None leaves the tags."""
    fields: tuple[bytes, ...] = ()
    """Whole header fields. None of them is added where the message has one of their names already."""


@dataclass(frozen=True, slots=True)
class Added:
    """A message with its additions."""

    content: bytes
    note: str | None = None
    """Why it goes unmodified, where it does: "it is signed or encrypted"."""


def add(content: bytes, additions: Additions) -> Added:
    """Put the additions into a message with canonical lines. Never fails on what strangers wrote."""
    return opened(content).add(additions)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that has been read."""

    head: Head
    leaves: tuple[Leaf, ...]
    note: str | None
    """Why nothing can be put into its parts."""
    signed: bool
    """Somebody has signed it as a whole: nothing is added, not even to its header."""

    @property
    def tags(self) -> tuple[int | None, ...]:
        """Of each tag in it that offers to unsubscribe the number that it names, in their order."""
        return tuple(tag.number for leaf in self.leaves for tag in leaf.places.tags)

    def urls(self, *, text: bool) -> list[str]:
        """All that `Additions.link` would be asked for, those of plain text only with `text`."""
        shown = (leaf.places for leaf in self.leaves if text or leaf.places.markup)
        return [target.url for found in shown for target in found.targets]

    def add(self, additions: Additions) -> Added:
        """The message of one recipient."""
        content = self.head.content
        if self.signed:
            return Added(content, self.note)
        note = self.note or self._refused(additions)
        made: list[Change] = [] if note else [change for leaf in self.leaves for change in _changed(leaf, additions)]
        return Added(_with_fields(spliced(content, made) if made else content, self.head, additions.fields), note)

    def _refused(self, additions: Additions) -> str | None:
        found = [leaf.places for leaf in self.leaves]
        links = sum(len(one.targets) for one in found) if additions.link else 0
        tags = sum(len(one.tags) for one in found) if additions.unsubscribe else 0
        return f"it has more than {MOST_CHANGES:,} links" if links + tags * 10 > MOST_CHANGES else None


def opened(content: bytes) -> Opened:
    """Read a message with canonical lines. Never fails: what cannot be read has a note."""
    head = scan(content)
    if head.find("dkim-signature") or head.find("arc-message-signature"):
        return Opened(head, (), "it is signed already", signed=True)
    try:
        root = read(head)
        if any(_sealed(entity) for entity in root.walk()):
            raise Ambiguous("it is signed or encrypted")
        found = tuple(
            leaves.leaf(entity, main=main, top=entity is root) for entity, main in _shown(root, main=True, top=True)
        )
        if not found:
            raise Ambiguous("it has no text")
    except Ambiguous as why:
        return Opened(head, (), str(why), signed=False)
    return Opened(head, found, None, signed=False)


_SEALED = ("application/pkcs7", "application/x-pkcs7", "application/pgp-encrypted", "application/pgp-signature")


def _sealed(entity: Entity) -> bool:
    return entity.kind in ("multipart/signed", "multipart/encrypted") or entity.kind.startswith(_SEALED)


def _shown(entity: Entity, *, main: bool, top: bool) -> Iterator[tuple[Entity, bool]]:
    """The texts that people see, and whether the message's words begin in them."""
    if entity.kind in ("text/plain", "text/html"):
        # The whole message is no file, whatever name it gives itself.
        if entity.disposition != "attachment" and (top or not entity.named):
            yield entity, main
    elif entity.kind == "multipart/related":
        yield from _shown(_root(entity), main=main, top=False)
    elif entity.kind.startswith("multipart/") and entity.kind not in ("multipart/report", "multipart/digest"):
        alternative = entity.kind == "multipart/alternative"
        for part in entity.parts:
            found = list(_shown(part, main=main, top=False))
            yield from found
            main = main and (alternative or not found)


def _root(entity: Entity) -> Entity:
    """What a multipart/related shows: RFC 2387 §3.2."""
    wanted = entity.parameters.get("start", "").encode("latin-1")
    return next((part for part in entity.parts if wanted and part.head.get("content-id") == wanted), entity.parts[0])


def urls_of(piece: Piece, *, text: bool) -> list[str]:
    """All that `Additions.link` would be asked for within a template or a footer."""
    sides = [(piece.html, True), *([(piece.text, False)] if text else [])]
    return [target.url for side, markup in sides for half in halves(side, markup=markup) for target in half.targets]


def tags_of(piece: Piece) -> tuple[int | None, ...]:
    """Of each tag in a template or a footer the number that it names."""
    sides = (*halves(piece.html, markup=True), *halves(piece.text, markup=False))
    return tuple(tag.number for half in sides for tag in half.tags)


def _changed(leaf: Leaf, additions: Additions) -> list[Change]:
    """The changes to the message for one of its parts."""
    try:
        made = _edits(leaf, additions)
    except Unwritable:
        leaf = leaf.wide()
        made = _edits(leaf, additions)
    return leaves.written(leaf, spliced(leaf.places.document, made)) if made else []


def _edits(leaf: Leaf, additions: Additions) -> list[Change]:
    """The changes to the document of a part. Raises Unwritable."""
    found = leaf.places
    link = additions.link if found.markup or additions.text_links else None
    made = changes(found, link, additions.unsubscribe)
    if not leaf.main:
        return made
    before, after, footer = _around(additions, link, markup=found.markup)
    if found.markup:
        after += footer + (_picture(additions.pixel) if additions.pixel else "")
        if after:
            after = found.closing.decode("ascii") + after
    elif after or footer:
        after = _below(found.document.decode("latin-1"), after, footer)
    write = found.charset.markup if found.markup else partial(lettered, found.charset)
    first = [(found.start, found.start, write(_lines(before, leaf.line_end)))] if before else []
    last = [(found.end, found.end, write(_lines(after, leaf.line_end)))] if after else []
    return [*first, *made, *last]


def _around(additions: Additions, link: Link | None, *, markup: bool) -> tuple[str, str, str]:
    """What the account puts before and behind the words, and under them."""
    pieces = []
    for piece in (additions.template, additions.footer):
        text = "" if piece is None else piece.html if markup else piece.text
        pieces += [rendered(half, link, additions.unsubscribe) if text else "" for half in halves(text, markup=markup)]
    before, after, *footer = pieces
    return before, after, "".join(footer)


def _below(document: str, after: str, footer: str) -> str:
    """Behind a plain text: what comes after, and parted by an empty line the footer."""
    if document.endswith("\n") and after.startswith(("\r\n", "\n")):
        after = after.partition("\n")[2]
    if footer:
        above = after or document
        after += ("" if above.endswith("\n") or not above else "\n") + "\n" + footer.strip("\r\n") + "\n"
    return after


def _picture(url: str) -> str:
    return f'<img src="{html.value(url)}" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'


def _lines(text: str, end: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", end)


def _with_fields(content: bytes, head: Head, fields: tuple[bytes, ...]) -> bytes:
    names = {field.partition(b":")[0].strip().decode("ascii").lower() for field in fields}
    if not fields or any(field.key in names for field in head.fields):
        return content
    return b"".join((*fields, content)) if head.closed and head.fields else edit(scan(content), first=fields)
