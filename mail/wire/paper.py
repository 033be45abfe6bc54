"""How do words, white space and lists become lines of plain text? White space is written only once words follow."""

import re
import unicodedata
from dataclasses import dataclass

_BLANK = re.compile(r"[\t\n\f\r ]+")
_BODY = re.compile(r"(<%\s*+body\s*+%>)", re.IGNORECASE)
# What belongs to the word before it, but for these; and to the word behind it.
_CLOSING, _NOT_CLOSING = frozenset(("Pc", "Pd", "Pe", "Pf", "Po")), "#&@¡¿"
_OPENING = frozenset(("Ps", "Pi"))
_DEEPEST = 24
"""Columns: lists within lists move no further to the right."""


@dataclass(slots=True)
class Level:
    """A list: where its items stand."""

    column: int
    number: int | None
    """Of its next item; None: the items have none."""
    marker: str = ""
    """Of an item whose words have yet to come."""
    hang: int = 0
    """By how much the words of its item stand to the right of the marker."""


class Paper:
    """Words and white space, as they come."""

    def __init__(self) -> None:
        self.breaks = 0
        self.space = False
        self.apart = False
        """The next word is not to stick to the last one; a full stop may."""
        self.level: Level | None = None
        self._pieces: list[str] = []
        self._heard: list[str] | None = None

    def put(self, text: str, *, flush: bool = False) -> None:
        """Write it as it is; with `flush` it begins its line whatever list it stands in."""
        if not text:
            return
        gap = ""
        if self.breaks or not self._pieces:
            gap = "\n" * self.breaks if self._pieces else ""
            self._pieces.append(gap if flush else gap + self._margin())
        elif self.space or (self.apart and _sticks(self._pieces[-1][-1], text[0])):
            gap = " "
            self._pieces.append(gap)
        self.breaks, self.space, self.apart = 0, False, False
        self._pieces.append(text)
        if self._heard is not None:
            self._heard += (gap, text)

    def flow(self, text: str) -> None:
        """Words of a paragraph: any white space is one space. The body of a template is paragraphs of its own."""
        for place, piece in enumerate(_BODY.split(text)):
            if place % 2:
                self.end(2)
                self.put(piece, flush=True)
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
        """End the line, or with 2 the paragraph."""
        self.breaks, self.space, self.apart = max(self.breaks, lines), False, False

    def enter(self, number: int | None) -> None:
        """Begin a list, within the one there is; with a number its items are numbered from there."""
        around = self.level
        if around is not None and around.marker:
            self.put(around.marker.rstrip(), flush=True)
        self.end(1 if around else 2)
        self.level = Level(min(around.column + around.hang, _DEEPEST) if around else 0, number)

    def item(self, number: int | None = None) -> None:
        """Begin an item, of no list at all if there is none; with a number it has this one, where items have numbers."""
        self.end(1)
        if self.level is None:
            self.level = Level(0, None)
        level = self.level
        if level.number is None:
            level.marker = "- "
        else:
            if number is not None:
                level.number = number
            level.marker = f"{level.number}. "
            level.number += 1
        level.hang = len(level.marker)

    def leave_item(self) -> None:
        """End an item: where it had no words, it leaves nothing."""
        if self.level is not None:
            self.level.marker = ""

    def listen(self) -> None:
        """From here on, keep what is said for `heard`."""
        self._heard = []

    def heard(self) -> str:
        """What was said since `listen`, without what stands before the lines."""
        said, self._heard = "".join(self._heard or ()), None
        return said.strip()

    def text(self) -> str:
        """All of it; lines end in \\n, the last one too unless there is nothing."""
        text = "".join(self._pieces)
        return text + "\n" if text else ""

    def _margin(self) -> str:
        level = self.level
        if level is None:
            return ""
        marker, level.marker = level.marker, ""
        return " " * level.column + (marker or " " * level.hang)


def _sticks(last: str, first: str) -> bool:
    """Whether the two would read as one word."""
    if unicodedata.category(last) in _OPENING:
        return False
    return unicodedata.category(first) not in _CLOSING or first in _NOT_CLOSING
