"""What may be said of an account? Its plain settings, each with the check that every way in shares.

Keys are columns of `account`; a fault names the field as clients write it ("timeZone").
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kit.errors import LiveryError, invalid
from tenants.models import WhenSpent

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
_COLOR = re.compile(r"#[0-9a-f]{6}")
_CODE = re.compile(r"[A-Z0-9-]{3,40}")
_MOST = 2**53
_LINK = re.compile(r"[/\\@]|(?<!\w)www\s?[.\u3002]", re.IGNORECASE)
"""What makes a mail program show a link. A name with a dot alone is a common brand: booking.example."""
_JOINERS = frozenset("\u200c\u200d")
"""Not to be seen themselves, but Persian and Hindi words, and joined emoji, are spelt with them."""
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that leave an empty place."""


def checked(details: Mapping[str, object]) -> dict[str, Any]:
    """The settings as they are stored. Raises LiveryError INVALID with the field at fault, KeyError for an unknown one."""
    return {name: _CHECKS[name](value, _field(name)) for name, value in details.items()}


def slug_of(name: str) -> str:
    """A short name made from a long one: "Café Zoë & Co" becomes "cafe-zoe-co"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9.]+", "-", plain)[:60].strip("-.") or "account"


def person(name: str, field: str = "name") -> str:
    """A person's name as it is kept; empty where none is given. Raises LiveryError INVALID for one that nobody can see."""
    return _line(name, field, 200, "A person needs a name") if name.strip() else ""


def seen(text: str) -> str:
    """A text as one line; empty where nothing of it can be seen, or something in it controls, hides or turns the rest."""
    line = " ".join(text.split())
    if not all(letter.isprintable() or letter in _JOINERS for letter in line):
        return ""
    visible = any(unicodedata.category(letter)[0] in "LNPS" and letter not in _BLANKS for letter in line)
    return line if visible else ""


def called(text: str) -> str:
    """A name as it is kept: as `seen` says, and empty for one that is broken into lines."""
    return "" if len(text.strip().splitlines()) > 1 else seen(text)


def _slug(value: Any, field: str) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise invalid("An account's short name has lower-case letters, digits, dots and dashes.", field)
    return value


def _name(value: Any, field: str) -> str:
    return _line(value, field, 200, "An account needs a name")


def _line(value: Any, field: str, most: int, need: str) -> str:
    text = called(str(value or ""))
    if not text:
        raise invalid(
            f"{need}.", field, next="Write it with letters that can be seen, and nothing that hides or turns them."
        )
    if len(text) > most:
        raise invalid(f"{need} of at most {most} characters.", field)
    return text


def _time_zone(value: Any, field: str) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(
            f"{str(value)[:64]} is no time zone.", field, next="Use an IANA name such as Europe/Rome."
        ) from None


def _amount(value: Any, field: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not 0 <= value < _MOST:
        raise _no_amount(field)
    return value


def _no_amount(field: str) -> LiveryError:
    return invalid("Credits are whole numbers, zero or more.", field)


def _color(value: Any, field: str) -> str | None:
    if value is not None and not (isinstance(value, str) and _COLOR.fullmatch(value.lower())):
        raise invalid("A colour is written #rrggbb.", field)
    return value.lower() if value else None


def _brand_name(value: Any, field: str) -> str | None:
    if value is None:
        return None
    name = _line(value, field, 100, "A brand needs a name")
    # It stands in the mails that we write for the brand, to people who trust them.
    if _LINK.search(unicodedata.normalize("NFKC", name)):
        raise invalid(
            "A brand's name is no address: mail programs would make a link of it.",
            field,
            next="Write the name alone, without www, / and @.",
        )
    return name


def _url(value: Any, field: str) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(str(value))
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        sound = False
    if not sound or len(value) > 500 or not value.isprintable() or " " in value:
        raise invalid("This is no address of a page.", field, next="Write it whole: https://www.example.com/privacy")
    return str(value)


def _code(value: Any, field: str) -> str | None:
    if value is None:
        return None
    code = str(value).strip().upper()
    if not _CODE.fullmatch(code):
        raise invalid("A referral code has 3 to 40 letters, digits and dashes.", field)
    return code


def _field(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


_CHECKS: Mapping[str, Callable[[Any, str], Any]] = {
    "slug": _slug,
    "name": _name,
    "time_zone": _time_zone,
    "monthly_limit": _amount,
    "alert_below": _amount,
    "when_spent": lambda value, _: WhenSpent(value).value,
    "privacy_url": _url,
    "brand_name": _brand_name,
    "brand_color": _color,
    "sign_up_open": lambda value, _: bool(value),
    "referral_code": _code,
}
