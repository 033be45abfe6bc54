"""What can go wrong, told once for every door.

    LiveryError
      kind INVALID          the input is at fault; `field` names where
           UNAUTHENTICATED  nobody proved who they are
           DENIED           known, but not allowed to do this with something they may see
           MISSING          not there, or not theirs: the two are never told apart
           CONFLICT         true before, not any more; read again
           EXHAUSTED        credits, limits or quotas have run out
           UNAVAILABLE      ours to mend; the same call may succeed later

An error knows no HTTP and no SMTP. Three small tables translate: `api.errors`, `smtpd.replies`, `workers.boot`.
Delivery outcomes are not errors but values (`mail.verdict`).
"""

from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """The seven ways a call can be refused; doors translate the kind, never the text."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    DENIED = "denied"
    MISSING = "missing"
    CONFLICT = "conflict"
    EXHAUSTED = "exhausted"
    UNAVAILABLE = "unavailable"


class LiveryError(Exception):
    """A refusal that a caller can read: `message` says what is wrong, `next` what to do about it.

    `code` is stable and upper case ("NO_CREDITS"); `field` is the path of the input at fault; `until` is the moment from
    which the same call may succeed, where that is known.
    Neither text ever names another tenant's things, a host of ours or a line of SQL.
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        message: str,
        *,
        next: str | None = None,
        field: tuple[str, ...] | None = None,
        until: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.next = next
        self.field = field
        self.until = until


def invalid(message: str, *field: str, code: str = "INVALID", next: str | None = None) -> LiveryError:
    """The input at `field` cannot be taken as it is."""
    return LiveryError(Kind.INVALID, code, message, next=next, field=field or None)


def missing(thing: str) -> LiveryError:
    """The one answer for "not there" and "not yours"."""
    return LiveryError(Kind.MISSING, "MISSING", f"No such {thing}.")
