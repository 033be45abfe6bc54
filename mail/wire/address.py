"""Who is meant? Mailboxes, paths and domains as RFC 5321 §4.1.2 writes them, strictly and in linear time.

Doors read `FROM:<…>` and `TO:<…>` with `read_path`; everything else has an address by itself and uses `parse_mailbox`.
Strict means: what is not in the grammar is refused with words that help, because every leniency is a way to be
understood in two ways (source routes, bare addresses without brackets, control characters).
"""

import ipaddress
import re
from dataclasses import dataclass

from kit import hostnames

MAX_LOCAL = 64  # RFC 5321 §4.5.3.1.1
MAX_PATH = 256  # RFC 5321 §4.5.3.1.3, with its brackets


class AddressError(ValueError):
    """The text is no address; the message says why, in words for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """local-part@domain. Equal mailboxes compare equal: the domain is kept in lower case and as A-labels."""

    local: str
    """As written, quotes included; its case is the receiver's business (RFC 5321 §2.4)."""
    domain: str
    """Lower case, A-labels, or an address literal such as "[192.0.2.1]"."""

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def ascii(self) -> bool:
        """Whether it can travel without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii()


_ATEXT = r"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~"
_UTF8 = r"\u00a0-\U0010ffff"
# A path in brackets: local part (dot-string or quoted string), then anything up to the bracket for the domain.
_DOT_STRING = rf"[{_ATEXT}{_UTF8}]++(?:\.[{_ATEXT}{_UTF8}]++)*+"
_QUOTED = rf'"(?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*+"'
_PATH = re.compile(rf"<({_DOT_STRING}|{_QUOTED})@([^<>\s@\"\\]++)>(?=\s|$)")
_MAILBOX = re.compile(rf"({_DOT_STRING}|{_QUOTED})@([^<>\s@\"\\]++)\Z")


def read_path(text: str, *, utf8: bool = False) -> tuple[Mailbox | None, str]:
    """Read "<path>" at the start of `text`; give the mailbox (None for the null path "<>") and what follows it, stripped.

    `utf8` says whether the client asked for SMTPUTF8 (RFC 6531 §3.4). Raises AddressError. Source routes are refused:
    RFC 5321 appendix C only lets a server ignore them, and a relay that ignores them is asked to guess.
    """
    text = text.lstrip(" ")
    if text.startswith("<>"):
        if len(text) > 2 and not text[2].isspace():
            raise AddressError("there is something between the address and its parameters")
        return None, text[2:].strip()
    match = _PATH.match(text)
    if not match:
        raise AddressError(_why(text))
    if match.end() > MAX_PATH and len(match[0].encode()) > MAX_PATH:
        raise AddressError(f"the address is longer than {MAX_PATH} octets")
    return _mailbox(match[1], match[2], utf8), text[match.end() :].strip()


def parse_path(text: str, *, utf8: bool = False) -> Mailbox | None:
    """Like `read_path`, where nothing may follow the path."""
    mailbox, rest = read_path(text, utf8=utf8)
    if rest:
        raise AddressError("there is something after the address")
    return mailbox


def parse_mailbox(text: str, *, utf8: bool = True) -> Mailbox:
    """Read an address without brackets ("user@shop.test"). Raises AddressError."""
    match = _MAILBOX.match(text)
    if not match:
        raise AddressError(_why(f"<{text}>"))
    return _mailbox(match[1], match[2], utf8)


def domain_of(address: str) -> str:
    """The domain of an address that was accepted once: lower case, A-labels. "" for the null sender."""
    domain = address.rpartition("@")[2].lower()
    if domain.isascii():
        return domain
    try:
        return canonical_domain(domain)
    except AddressError:
        return domain


def canonical_domain(text: str) -> str:
    """A domain in lower case and A-labels (RFC 5890 §2.3.2.1), without a final dot. Raises AddressError."""
    try:
        return hostnames.canonical(text)
    except ValueError as fault:
        raise AddressError(str(fault)) from None


def _mailbox(local: str, domain: str, utf8: bool) -> Mailbox:
    if not utf8 and not (local.isascii() and domain.isascii()):
        raise AddressError("the address has characters beyond ASCII: it needs the SMTPUTF8 parameter")
    if len(local.encode("utf-8", "surrogatepass")) > MAX_LOCAL:
        raise AddressError(f"the part before the @ is longer than {MAX_LOCAL} octets")
    if domain.startswith("["):
        return Mailbox(local, _literal(domain))
    return Mailbox(local, canonical_domain(domain))


def _literal(domain: str) -> str:
    # RFC 5321 §4.1.3. Forms other than IPv4 and IPv6 have no tag registered and nobody to deliver to.
    inner = domain[1:-1] if domain.endswith("]") else ""
    try:
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise AddressError("the address literal is neither [IPv4] nor [IPv6:…]") from None


def _why(text: str) -> str:
    if not text.startswith("<"):
        return "the address must stand in angle brackets"
    if text.startswith("<@"):
        return "source routes are not accepted: give the address alone"
    end = text.find(">")
    if end < 0:
        return "the closing angle bracket is missing"
    if "@" not in text[:end]:
        return "the address has no domain"
    return "the address is not written as one"
