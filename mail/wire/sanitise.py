"""What of the HTML that a customer wrote may stand in mail? Layout and links stay; whatever acts goes.

An allow-list, applied by a real HTML parser (nh3), so that what is left reads the same in every browser: tables, pictures
and inline styles as mail needs them; no scripts, handlers, forms, frames, style sheets or documents within. Templates and
footers of one tenant are shown to people of another one, and go out in everybody's mail.

The tags `<% body %>` and `<% unsubscribe 3 %>` survive as text between elements, and nowhere else: an editor's `&lt;% body %&gt;`
is understood, one in an attribute is dropped with it.

What goes joins no words: a block becomes a neutral one, and around what stood in a line there is a space.
"""

import re

import nh3

from mail.wire import html as markup

TAG = re.compile(
    r"(?:<|&lt;)%(?:\s|&nbsp;)*+(body|unsubscribe)(?:(?:\s|&nbsp;)++(\d{1,9}))?+(?:\s|&nbsp;)*+%(?:>|&gt;)", re.I
)
"""`<% body %>`, `<% unsubscribe %>` or `<% unsubscribe 3 %>`, as people and editors write them."""

BODY = "<% body %>"
"""Where the message stands in a template."""

# Private-use characters stand for the tags while the parser is at work; nobody's text holds them (RFC 3629 knows no use).
_OPEN, _CLOSE = "\ue000", "\ue001"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARK = re.compile(f"{_OPEN}([a-z]+ ?[0-9]*){_CLOSE}")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _names(
    """a abbr address area article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl
    dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main map mark nav ol p pre q s samp
    section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr"""
)
_EVERYWHERE = _names("align aria-hidden aria-label class dir hidden lang role style title valign")
_LAYOUT = _names("background bgcolor border bordercolor cellpadding cellspacing height width")
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "*": _EVERYWHERE,
    "a": frozenset(("href", "name", "target")),
    "area": frozenset(("alt", "coords", "href", "shape", "target")),
    "blockquote": frozenset(("cite",)),
    "col": frozenset(("span", "width")),
    "colgroup": frozenset(("span", "width")),
    "font": frozenset(("color", "face", "size")),
    "hr": frozenset(("color", "noshade", "size", "width")),
    "img": frozenset(("alt", "border", "height", "hspace", "src", "usemap", "vspace", "width")),
    "li": frozenset(("type", "value")),
    "map": frozenset(("name",)),
    "ol": frozenset(("start", "type")),
    "table": _LAYOUT | {"frame", "rules", "summary"},
    "tbody": frozenset(("bgcolor",)),
    "td": _LAYOUT | {"abbr", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "tfoot": frozenset(("bgcolor",)),
    "th": _LAYOUT | {"abbr", "colspan", "headers", "nowrap", "rowspan", "scope"},
    "thead": frozenset(("bgcolor",)),
    "tr": frozenset(("background", "bgcolor", "height")),
    "ul": frozenset(("type",)),
}
# Their text is no text of a message.
_WITH_CONTENT = _names("iframe noembed noframes noscript object script select style template textarea title")
# Blocks that are dropped, and what stands for them.
_NEUTRAL = dict.fromkeys(
    _names("details dialog fieldset form hgroup legend marquee optgroup option search summary"), "div"
) | {"button": "span", "dir": "ul", "listing": "pre", "menu": "ul"}
# Boxes in a line, which keep the words on either side apart; they go, with or without what is in them.
_BOXES = _names(
    """applet audio canvas embed iframe input math meter noscript object progress select svg textarea video xmp"""
)
# Of these, those whose content the cleaner has yet to drop, or to tell from markup.
_CLEANED = (_BOXES & _WITH_CONTENT) | {"math", "svg", "xmp"}
_PARTING = re.compile(rf"<(?:{'|'.join(sorted(_NEUTRAL.keys() | _BOXES))})(?=[\s/>])", re.I)

_LINK = re.compile(r"(?:https?://[^\s/\\]|mailto:[^\s]|tel:[+0-9])\S*\Z", re.I)
_PICTURE = re.compile(r"https?://[^\s/\\]\S*\Z", re.I)
_MAP = re.compile(r"#[\w-]{1,100}\Z")
_URLS = {"href": _LINK, "cite": _PICTURE, "src": _PICTURE, "background": _PICTURE, "usemap": _MAP}

_STYLES = re.compile(
    r"""(?:background(?:-color|-position|-repeat|-size)?|border(?:-[a-z-]+)?|box-sizing|caption-side|clear|color|direction|
    display|float|font(?:-[a-z-]+)?|height|letter-spacing|line-height|list-style(?:-type|-position)?|margin(?:-[a-z]+)?|
    m(?:ax|in)-(?:height|width)|mso-[a-z-]+|opacity|outline(?:-[a-z]+)?|overflow(?:-wrap)?|padding(?:-[a-z]+)?|table-layout|
    text-(?:align|decoration|indent|overflow|shadow|transform)|unicode-bidi|vertical-align|visibility|white-space|width|
    word-(?:break|spacing|wrap)|-webkit-text-size-adjust|-ms-(?:interpolation-mode|text-size-adjust))\Z""",
    re.X,
)
# No escapes, no strings with brackets, nothing that could be a URL or the end of the attribute.
_VALUE = re.compile(r"[\w #%.,()'\"!+*/-]{1,300}\Z")
_FUNCTION = re.compile(r"([\w-]*)\s*\(")
_FUNCTIONS = frozenset(("calc", "hsl", "hsla", "rgb", "rgba"))


DEEPEST = 1_000
"""Elements within elements; the parser's time grows with the square of it, and real mail has some dozens."""

_UNCLOSED = 50
"""Formatting elements left open: each goes on in every paragraph behind it (HTML, the list of active formatting elements)."""
_FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")

_GROWTH = 8
"""How many times as long it may become where the parser writes out what was left to it; `&amp;` is five times."""

_GOES_ON = "elements that are never closed go on in too many others"

_ELEMENT = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_VOID = _names("area br col hr img wbr")


def sanitise(html: str) -> str:
    """What may stand in mail of `html`, as a fragment without html, head and body; the same again for what came out of it.

    Linear but for what `DEEPEST` bounds: 50 ms for 100 kB, and as much again where it has boxes that go. Raises ValueError
    beyond that, and where it is no Unicode text.
    """
    depth = unclosed = 0
    for element in _ELEMENT.finditer(html):
        name = element[2].lower()
        if name in _FORMATTING:
            unclosed = max(unclosed - 1, 0) if element[1] else unclosed + 1
            if unclosed > _UNCLOSED:
                raise ValueError(_GOES_ON)
        if name not in _VOID:
            depth = max(depth - 1, 0) if element[1] else depth + 1
            if depth > DEEPEST:
                raise ValueError(f"elements stand within one another more than {DEEPEST:,} deep")
    marked = TAG.sub(_marked, html.replace(_OPEN, "").replace(_CLOSE, "").replace("\0", ""))
    if _PARTING.search(marked):
        marked = _parted(marked)
    return _MARK.sub(lambda mark: f"<% {mark[1]} %>", _cleaned(_CLEANER, marked))


def _parted(written: str) -> str:
    """With neutral elements and spaces for what would otherwise go without a trace. The cleaner still has to see it."""
    # Where elements end is the parser's to say: only what it has written itself is told apart by its tags.
    document = _cleaned(_PARTER, written).encode()
    pieces: list[bytes] = []
    position = 0

    def gap(at: int) -> None:
        if pieces and not pieces[-1][-1:].isspace() and not document[at : at + 1].isspace():
            pieces.append(b" ")

    for kind, mark, stop, raw, attributes in markup.tokens(document):
        name = raw.decode("utf-8", "replace")
        if name not in _NEUTRAL and name not in _BOXES:
            continue
        if mark > position:
            pieces.append(document[position:mark])
        position, closes = stop, kind is markup.Kind.CLOSE
        if name in _BOXES:
            gap(mark)
            if name in _CLEANED:
                pieces.append(document[mark:stop])
            gap(stop)
            continue
        if name == "button" and not closes:
            gap(mark)
        pieces.append(b"<%s%s%s" % (b"/" if closes else b"", _NEUTRAL[name].encode(), document[attributes:stop]))
        if name == "button" and closes:
            gap(stop)
    pieces.append(document[position:])
    return b"".join(pieces).decode()


def _cleaned(cleaner: nh3.Cleaner, written: str) -> str:
    """What the cleaner makes of it, unless that is out of all proportion: <b> that is never closed goes on in every paragraph."""
    clean = cleaner.clean(written)
    if len(clean) > _GROWTH * len(written) + 10_000:
        raise ValueError(_GOES_ON)
    return clean


def plain(text: str) -> str:
    """Text for the plain part: control characters gone, line ends as one, the tags spelt one way."""
    kept = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return TAG.sub(lambda tag: f"<% {_words(tag)} %>", kept)


def bodies(text: str) -> int:
    """How many times the message stands in HTML or text that came out of this file."""
    return text.count(BODY)


def _marked(tag: re.Match[str]) -> str:
    return f"{_OPEN}{_words(tag)}{_CLOSE}"


def _words(tag: re.Match[str]) -> str:
    # A body has no number; an unsubscribe tag's is the account's (`mail.models.unsubscribe`).
    word = tag[1].lower()
    return word if tag[2] is None or word == "body" else f"{word} {int(tag[2])}"


def _attribute(_: str, name: str, value: str) -> str | None:
    if _OPEN in value or _CLOSE in value:
        return None
    if name == "hidden":
        return ""
    if name == "style":
        return _style(value) or None
    if name == "target":
        return value if value == "_blank" else None
    if (shape := _URLS.get(name)) is not None:
        value = value.strip()
        return value if shape.match(value) else None
    return value


def _style(value: str) -> str:
    kept = []
    for declaration in value.split(";"):
        name, _, said = declaration.partition(":")
        name, said = name.strip().lower(), " ".join(said.split())
        if (
            _STYLES.match(name)
            and _VALUE.match(said)
            and "/*" not in said
            and all(called.lower() in _FUNCTIONS for called in _FUNCTION.findall(said))
        ):
            kept.append(f"{name}: {said}")
    return "; ".join(kept)


def _cleaner(tags: frozenset[str], with_content: frozenset[str]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(tags),
        clean_content_tags=set(with_content),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=_attribute,
        strip_comments=True,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
        # "#news" and the map of a picture; everything else relative fails `_attribute`.
        url_relative="pass_through",
    )


_CLEANER = _cleaner(_TAGS, _WITH_CONTENT)
# The same, but for what `_parted` has to see; nothing that comes out of it goes anywhere but into the cleaner.
_PARTER = _cleaner(_TAGS | _NEUTRAL.keys() | _BOXES, _WITH_CONTENT - _BOXES)
