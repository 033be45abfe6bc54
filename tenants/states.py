"""What does each state of an account block? One table, which every door asks.

    active            nothing
    suspended         somebody above has stopped it: its people may sign in and read, nothing can be sent or changed, its
                      programs are turned away, queued mail is held; what was delivered before goes on being counted, and the
                      platform's own letters to people go out: whoever may sign in may need a new password
    suspended_above   an account above it is suspended: the same
    deleted           it is gone, and nobody sees anything of it; only who wants no more of its mail is still heard

`account_state(lineage)` is the one SQL expression of the state: a function of the database that looks further up than
row-level security lets the asker see (tenants/migrations/0002).
"""

from collections.abc import Mapping
from enum import StrEnum

from kit.errors import Kind, LiveryError
from tenants.permissions import Permission


class AccountState(StrEnum):
    """How an account stands."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    SUSPENDED_ABOVE = "suspended_above"
    DELETED = "deleted"


class Use(StrEnum):
    """What an account is used for."""

    SIGN_IN = "sign_in"  # its people sign in and read
    CHANGE = "change"  # its people change something, or send by a form
    SMTP_LOGIN = "smtp_login"  # programs sign in to send
    API = "api"  # programs ask with a key
    SUBMISSION = "submission"  # mail comes in, by any door
    DELIVERY = "delivery"  # mail goes out; blocked, it is held
    NOTICE = "notice"  # the platform's own letters to people, in the name of the account's brand, come in and go out
    TRACKING = "tracking"  # opens and clicks are counted and links lead on
    OPT_OUT = "opt_out"  # unsubscribe links, bounces and complaints are heard


_STOPPED = frozenset({Use.CHANGE, Use.SMTP_LOGIN, Use.API, Use.SUBMISSION, Use.DELIVERY})

BLOCKED: Mapping[AccountState, frozenset[Use]] = {
    AccountState.ACTIVE: frozenset(),
    AccountState.SUSPENDED: _STOPPED,
    AccountState.SUSPENDED_ABOVE: _STOPPED,
    AccountState.DELETED: frozenset(Use) - {Use.OPT_OUT},  # a recipient's wish outlives the sender's account
}

_READING = frozenset({Permission.READ, Permission.AUDIT})
"""What is left to the people of an account in which nothing may be changed."""


def blocks(state: AccountState, use: Use) -> bool:
    """Whether an account in this state cannot be used so."""
    return use in BLOCKED[state]


def blocked(use: Use, lineage: str) -> str:
    """The SQL condition that the account with this `lineage` column cannot be used so."""
    states = ", ".join(f"'{state}'" for state, uses in BLOCKED.items() if use in uses)
    return f"account_state({lineage}) in ({states})" if states else "false"


def left(state: AccountState, may: frozenset[Permission]) -> frozenset[Permission]:
    """What somebody who may do `may` is left with while the account they act for is in this state."""
    if blocks(state, Use.SIGN_IN):
        return frozenset()
    return may & _READING if blocks(state, Use.CHANGE) else may


def suspended() -> LiveryError:
    """The refusal: the account, or one above it, is suspended."""
    return LiveryError(
        Kind.DENIED, "SUSPENDED", "This account is suspended.", next="Ask whoever runs your account to resume it."
    )
