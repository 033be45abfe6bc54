"""How does the page look by which somebody unsubscribes? One document without script, in the sender's brand, or in none.

It loads nothing, so that whoever opens it is seen by nobody, and its one style sheet is allowed by its hash.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from html import escape
from urllib.parse import urlsplit

from api.unsubscribe_words import WORDS
from mail.unsubscribes import Sender
from mail.wire.unsubscribe import RIGHT_TO_LEFT


class Stage(Enum):
    """How far somebody has come."""

    ASKED = "asked"
    DONE = "done"
    UNDONE = "undone"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Page:
    """A document and what it is allowed to do."""

    body: bytes
    csp: str


NOBODY = Sender(None, None, None)

_NEUTRAL = "#374151"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
_STYLE = """
:root{color-scheme:light dark}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:34rem;margin:12vh auto 0;padding:0 1.25rem}
.brand{font-weight:600;padding-bottom:.5rem;border-bottom:.25rem solid %(color)s}
h1{font-size:1.5rem;line-height:1.25;margin:1.5rem 0 .75rem}
p{margin:0 0 1.25rem;overflow-wrap:anywhere}
button{font:inherit;font-weight:600;padding:.7rem 1.4rem;border:1px solid %(color)s;border-radius:.4rem;cursor:pointer}
.act{background:%(color)s;color:%(ink)s}
.undo{background:transparent;color:inherit}
button:focus-visible,a:focus-visible{outline:.2rem solid Highlight;outline-offset:.15rem}
footer{margin-top:3rem;font-size:.875rem}
a{color:inherit}
"""


def render(stage: Stage, language: str, sender: Sender = NOBODY, address: str = "") -> Page:
    """The page for one stage. `language` is one of ours; `address` is shown as it was written, whatever the page's direction."""
    words = WORDS[language]
    title, said, button = {
        Stage.ASKED: (words.title, words.question, _button("unsubscribe", "act", words.button)),
        Stage.DONE: (words.done_title, words.done, _button("undo", "undo", words.undo)),
        Stage.UNDONE: (words.undone_title, words.undone, ""),
        Stage.INVALID: (words.invalid_title, words.invalid, ""),
    }[stage]
    before, _, after = said.partition("{address}")
    text = escape(before) + (f'<bdi dir="ltr">{escape(address)}</bdi>{escape(after)}' if "{address}" in said else "")
    color = sender.color if sender.color and _COLOR.fullmatch(sender.color) else _NEUTRAL
    style = _STYLE % {"color": color, "ink": _ink(color)}
    brand = f'<div class="brand">{escape(sender.brand)}</div>' if sender.brand else ""
    privacy = sender.privacy_url if sender.privacy_url and _is_web(sender.privacy_url) else None
    footer = (
        f'<footer><a href="{escape(privacy)}" rel="noopener noreferrer nofollow">{escape(words.privacy)}</a></footer>'
        if privacy
        else ""
    )
    document = f"""<!doctype html>
<html lang="{language}" dir="{"rtl" if language in RIGHT_TO_LEFT else "ltr"}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow"><meta name="referrer" content="no-referrer">
<title>{escape(title)}</title><style>{style}</style></head>
<body><main>{brand}<h1>{escape(title)}</h1><p>{text}</p>{button}{footer}</main></body>
</html>
"""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    csp = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Page(document.encode(), csp)


def _button(act: str, kind: str, label: str) -> str:
    # Without an action the form is sent to the page's own address, token and all.
    return f'<form method="post"><button class="{kind}" name="act" value="{act}">{escape(label)}</button></form>'


def _ink(color: str) -> str:
    """Black or white, whichever is read better on this colour (WCAG 2 relative luminance)."""
    parts = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in {"https", "http"}
    except ValueError:
        return False
