"""How is a domain's name written, so that one domain has one spelling? Lower case and A-labels."""

import re

import idna

MOST = 255  # RFC 5321 §4.5.3.1.2
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*+\Z")


def canonical(text: str) -> str:
    """A domain in lower case and A-labels (RFC 5890 §2.3.2.1, UTS #46), without a final dot.

    Raises ValueError, in words for the person who typed it.
    """
    domain = text.lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            raise ValueError("the domain has characters that no domain may have") from None
    if len(domain) > MOST:
        raise ValueError(f"the domain is longer than {MOST} octets")
    if not _DOMAIN.match(domain):
        raise ValueError("the domain is not written as a domain")
    return domain
