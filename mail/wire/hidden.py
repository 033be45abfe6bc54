"""Does a tag say that what is in it is not for the eye? By its own style and attribute; nothing here knows style sheets.

Programs hide the first words of mail so that they stand beside the subject in a list and nowhere else. Doubt is for the
reader: what only some programs leave out (`mso-hide: all` alone, which is Outlook) is seen.
"""

import re
from enum import Enum

from mail.wire import html


class Sight(Enum):
    """What a tag says of what is in it."""

    GONE = "gone"
    INVISIBLE = "invisible"
    """It leaves its place empty, and an element in it may be visible all the same."""
    VISIBLE = "visible"


# Without one of these, a tag hides and shows nothing.
_WORTH_READING = re.compile(rb"hidden|none|visib|max-height|mso-hide", re.IGNORECASE)
_IMPORTANT = re.compile(r" ?! ?important\Z")
_ZERO = re.compile(r"(?:0+(?:\.0*)?|\.0+)(?:[a-z]+|%)?\Z")


def sight(document: bytes, position: int, stop: int) -> Sight | None:
    """What a tag says whose attributes lie there, in UTF-8; None where it says nothing."""
    if not _WORTH_READING.search(document, position, stop):
        return None
    style = _declared(html.read_attribute(document, b"style", position, stop) or "")
    display = style.get("display") or ("none" if html.has_attribute(document, b"hidden", position, stop) else "")
    flat = bool(_ZERO.match(style.get("max-height", "")))
    if (
        display == "none"
        or (flat and style.get("overflow") == "hidden")
        or (style.get("mso-hide") == "all" and (flat or _ZERO.match(style.get("opacity", ""))))
    ):
        return Sight.GONE
    return {"hidden": Sight.INVISIBLE, "visible": Sight.VISIBLE}.get(style.get("visibility", ""))


def _declared(style: str) -> dict[str, str]:
    """What holds of each property: the last one, and before all others the important one."""
    held: dict[str, tuple[bool, str]] = {}
    for declaration in style.lower().split(";"):
        name, _, said = declaration.partition(":")
        name, said = name.strip(), " ".join(said.split())
        value = _IMPORTANT.sub("", said)
        important = value != said
        if important or not held.get(name, (False, ""))[0]:
            held[name] = important, value
    return {name: value for name, (_, value) in held.items()}
