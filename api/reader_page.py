"""How does a page look that a link in a mail opens? One document without script, in the sender's brand, or in none.

It loads nothing, so that whoever opens it is seen by nobody; its one style sheet is allowed by its hash; and it is kept,
listed and framed nowhere.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response

from mail.unsubscribes import NOBODY, Sender
from mail.wire.unsubscribe import LANGUAGES, RIGHT_TO_LEFT

PRIVACY: Mapping[str, str] = {
    "en": "Privacy policy",
    "fr": "Politique de confidentialité",
    "de": "Datenschutzerklärung",
    "he": "מדיניות הפרטיות",
    "it": "Informativa sulla privacy",
    "pt": "Política de privacidade",
    "ru": "Политика конфиденциальности",
    "es": "Política de privacidad",
}

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
button:disabled{cursor:default}
.act{background:%(color)s;color:%(ink)s}
.undo{background:transparent;color:inherit}
button:focus-visible,a:focus-visible{outline:.2rem solid Highlight;outline-offset:.15rem}
footer{margin-top:3rem;font-size:.875rem}
a{color:inherit}
"""


@dataclass(frozen=True, slots=True)
class Page:
    """A document, its language, and what it is allowed to do."""

    body: bytes
    language: str
    csp: str


@dataclass(frozen=True, slots=True)
class Button:
    """The one thing to do on a page: the form is sent to the page's own address, token and all."""

    label: str
    act: str | None = None
    """What the form says; None: nothing but that it was sent."""
    quiet: bool = False


def render(
    language: str, title: str, said: str, sender: Sender = NOBODY, button: Button | None = None, *, acts: bool = True
) -> Page:
    """A page in one of our languages; `said` is HTML, as `spoken` makes it. One that does not act is there to be seen."""
    color = sender.color if sender.color and _COLOR.fullmatch(sender.color) else _NEUTRAL
    style = _STYLE % {"color": color, "ink": _ink(color)}
    brand = f'<div class="brand">{escape(sender.brand)}</div>' if sender.brand else ""
    privacy = sender.privacy_url if sender.privacy_url and _is_web(sender.privacy_url) else None
    # A page that is only seen stands in a frame: nothing else is opened in its place.
    footer = (
        f'<footer><a href="{escape(privacy)}"{"" if acts else ' target="_blank"'} rel="noopener noreferrer nofollow">'
        f"{escape(PRIVACY[language])}</a></footer>"
        if privacy
        else ""
    )
    document = f"""<!doctype html>
<html lang="{language}" dir="{"rtl" if language in RIGHT_TO_LEFT else "ltr"}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow"><meta name="referrer" content="no-referrer">
<title>{escape(title)}</title><style>{style}</style></head>
<body><main>{brand}<h1>{escape(title)}</h1><p>{said}</p>{_form(button, acts=acts) if button else ""}{footer}</main></body>
</html>
"""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    csp = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Page(document.encode(), language, csp)


def spoken(words: str, **put: str) -> str:
    """A sentence as HTML: what is put in keeps its own direction, an address, here whatever holds an @, left to right."""

    def piece(found: re.Match[str]) -> str:
        value = put[found[1]]
        return f"<bdi{' dir="ltr"' if '@' in value else ''}>{escape(value)}</bdi>"

    return re.sub(r"\{(\w+)\}", piece, escape(words))


def answer(request: Request[Any, Any, Any], status: int, page: Page) -> Response[bytes]:
    """The page as an answer to GET, HEAD or POST."""
    headers = {
        "content-security-policy": page.csp,
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex, nofollow",
        "content-language": page.language,
        "content-length": str(len(page.body)),
    }
    body = b"" if request.method == "HEAD" else page.body
    return Response(body, status_code=status, media_type="text/html", headers=headers)


def preferred(accept_language: str) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110 §12.5.4); English where none of them is wanted."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language[:500].split(",")):
        tag, _, weight = part.partition(";q=")
        language = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if language == "iw":
            language = "he"  # as older Java and Android call it
        if language in LANGUAGES and quality > 0:
            wanted.append((-quality, place, language))
    return min(wanted)[2] if wanted else "en"


def _form(button: Button, *, acts: bool) -> str:
    says = f' name="act" value="{button.act}"' if button.act else ""
    kind = "undo" if button.quiet else "act"
    still = "" if acts else ' type="button" disabled'
    return f'<form method="post"><button class="{kind}"{says}{still}>{escape(button.label)}</button></form>'


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
