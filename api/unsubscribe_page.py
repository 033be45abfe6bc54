"""What does the page say by which somebody unsubscribes? One thing for each stage of it, in their language."""

from enum import Enum

from api import reader_page
from api.reader_page import Button, Page, spoken
from api.unsubscribe_words import WORDS
from mail.unsubscribes import NOBODY, Sender


class Stage(Enum):
    """How far somebody has come."""

    ASKED = "asked"
    DONE = "done"
    UNDONE = "undone"
    STANDS = "stands"
    """Done, and undone too often to be undone before tomorrow."""
    LATER = "later"
    """Undoing was just refused."""
    INVALID = "invalid"


def render(stage: Stage, language: str, sender: Sender = NOBODY, address: str = "", *, acts: bool = True) -> Page:
    """The page for one stage. `language` is one of ours; `address` is shown as it was written, whatever the page's direction."""
    words = WORDS[language]
    title, said, button = {
        Stage.ASKED: (words.title, words.question, Button(words.button, "unsubscribe")),
        Stage.DONE: (words.done_title, words.done, Button(words.undo, "undo", quiet=True)),
        Stage.UNDONE: (words.undone_title, words.undone, None),
        Stage.STANDS: (words.done_title, words.later, None),
        Stage.LATER: (words.later_title, words.later, None),
        Stage.INVALID: (words.invalid_title, words.invalid, None),
    }[stage]
    return reader_page.render(language, title, spoken(said, address=address), sender, button, acts=acts)
