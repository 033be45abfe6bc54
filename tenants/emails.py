"""How is a person's address written, so that one mailbox has one spelling wherever people's addresses are taken?

In lower case, the domain as A-labels, and without quotes: whoever is invited, signs up, signs in or is counted as one
spelling is the same person in every other. Addresses of mail are not people's: `mail.wire.address` reads those.
"""

import re
import unicodedata

from kit import hostnames
from kit.errors import LiveryError, invalid

_ATOM = r"[a-z0-9!#$%&'*+\-/=?^_`{|}~\u00a0-\U0010ffff]++"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+")  # RFC 5321 §4.1.2, RFC 6531 §3.3
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"')
_MOST_LOCAL = 64  # RFC 5321 §4.5.3.1.1
_MOST = 254  # what fits a path in its brackets, RFC 5321 §4.5.3.1.3


def checked(email: str, field: str = "email") -> str:
    """An address as it is kept. Raises LiveryError INVALID for what is none, for one on a network address, and for one that
    cannot do without quotes: nobody is called so, and each has many spellings."""
    text = email.strip()
    local, at, domain = text.rpartition("@")
    quoted = _QUOTED.fullmatch(local)
    if quoted:
        local = re.sub(r"\\(.)", r"\1", quoted[1])
    try:
        if not at or len(text) > 2 * _MOST or not text.isprintable():
            raise ValueError("name and domain")
        local = unicodedata.normalize("NFC", local.lower())
        if not _LOCAL.fullmatch(local) or len(local.encode()) > _MOST_LOCAL:
            raise ValueError("the name before the @")
        kept = f"{local}@{hostnames.canonical(domain)}"
        if len(kept) > _MOST:
            raise ValueError("length")
    except ValueError:
        raise invalid("That is no e-mail address.", field, next="Write it like name@example.com.") from None
    return kept


def known(email: str) -> str:
    """Which address is meant by what was typed, for looking it up and for counting: anything else as it is, in lower case."""
    try:
        return checked(email)
    except LiveryError:
        return email.strip().lower()


def mailbox(email: str) -> str:
    """What letters to a mailbox are counted by: a tag ("+x") is no other mailbox, nor are letters of another width."""
    local, _, domain = known(email).rpartition("@")
    return f"{unicodedata.normalize('NFKC', local).casefold().partition('+')[0]}@{domain}"
