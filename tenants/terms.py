"""What can be agreed on for a credential, and how much may somebody give? Nobody more than they have themselves.

A member gives permissions of the own role. A program that makes or changes credentials is bound by its own in everything:
not more permissions, no wider networks, no higher limits, no later end, not out of the sandbox. Networks that send
without a password are named by the operator's people, for whoever names a network gets its mail.
"""

import ipaddress
from dataclasses import dataclass, fields
from datetime import datetime

from kit.errors import Kind, LiveryError
from tenants.audit import Changes
from tenants.models import CredentialKind
from tenants.permissions import CREDENTIALS, Permission
from tenants.rates import UNLIMITED, Limits


@dataclass(frozen=True)
class Terms:
    """What can be changed of a credential."""

    name: str
    networks: tuple[str, ...] = ()
    """Where it may be used from; empty: anywhere."""
    permissions: frozenset[Permission] | None = None
    """None: what its kind is for."""
    limits: Limits = UNLIMITED
    sandbox: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Giver:
    """Whoever makes or changes a credential."""

    may: frozenset[Permission]
    own: Terms | None
    """Of the credential that a program shows; None: a person."""
    operator: bool
    """Acting for the operator's account."""


def check_gift(kind: CredentialKind, terms: Terms, *, before: Terms | None, giver: Giver) -> None:
    """Raise LiveryError DENIED where a credential with these terms would have more than its giver.

    The terms are well-formed. `before` are those that it has already; None for a new one.
    """
    named = before is None or before.networks != terms.networks
    if kind is CredentialKind.SOURCE and named and (giver.own is not None or not giver.operator):
        raise LiveryError(
            Kind.DENIED,
            "FORBIDDEN",
            "Networks that send without a password are named by the operator.",
            next="Ask whoever runs the platform, or make an SMTP user.",
            field=("networks",),
        )
    wanted = CREDENTIALS[kind] if terms.permissions is None else terms.permissions
    had = frozenset[Permission]()
    if before is not None and giver.own is None:  # what somebody else gave may stay
        had = CREDENTIALS[kind] if before.permissions is None else before.permissions
    if more := sorted(wanted - had - giver.may):
        raise _more("permissions", f"You cannot give what you do not have: {', '.join(more)}.")
    if giver.own is not None:
        _check_bounds(terms, giver.own)


def _check_bounds(terms: Terms, own: Terms) -> None:
    if own.sandbox and not terms.sandbox:
        raise _more("sandbox", "A key of the sandbox makes credentials of the sandbox.")
    if own.expires_at is not None and (terms.expires_at is None or terms.expires_at > own.expires_at):
        raise _more("expiresAt", "What a key makes ends no later than the key itself.")
    if own.networks and not _within(terms.networks, own.networks):
        raise _more("networks", "What a key makes is good in the key's own networks only.")
    for limit in fields(Limits):
        most, asked = getattr(own.limits, limit.name), getattr(terms.limits, limit.name)
        if most is not None and (asked is None or asked > most):
            raise _more("limits", "What a key makes has no higher limits than the key itself.")


def _within(networks: tuple[str, ...], own: tuple[str, ...]) -> bool:
    wanted = [ipaddress.ip_network(network) for network in networks]
    mine = [ipaddress.ip_network(network) for network in own]
    return bool(wanted) and all(
        any(one.version == other.version and one.subnet_of(other) for other in mine)  # type: ignore[arg-type]
        for one in wanted
    )


def _more(field: str, message: str) -> LiveryError:
    return LiveryError(Kind.DENIED, "FORBIDDEN", message, next="Let an owner of the account do it.", field=(field,))


def differences(before: Terms, after: Terms) -> Changes:
    """What changed, for the audit."""
    return {
        field.name: (_told(getattr(before, field.name)), _told(getattr(after, field.name))) for field in fields(Terms)
    }


def _told(value: object) -> object:
    if isinstance(value, Limits):
        return ", ".join(f"{name} {most}" for name, most in vars(value).items() if most is not None) or None
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(value)) or None
    return value
