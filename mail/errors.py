"""Which refusals belong to mail? Made in one place, so that every door and page says the same thing."""

from datetime import date

from kit.errors import Kind, LiveryError


def no_credits() -> LiveryError:
    """The balance does not cover every recipient of the message: it is charged whole or refused whole."""
    return LiveryError(
        Kind.EXHAUSTED,
        "NO_CREDITS",
        "Not enough credits for this message.",
        next="Buy credits or ask whoever runs your account, then send again.",
    )


def monthly_limit(begins_anew: date) -> LiveryError:
    """What may be spent in a month is spent: by the account or by one above it that pays or counts for it."""
    return LiveryError(
        Kind.EXHAUSTED,
        "MONTHLY_LIMIT",
        f"The limit of this month is reached; it begins anew on {begins_anew.isoformat()}.",
        next="Send again then, or ask whoever runs your account for a higher limit.",
    )


def suspended() -> LiveryError:
    """The account, or one above it, is suspended."""
    return LiveryError(
        Kind.DENIED, "SUSPENDED", "This account is suspended.", next="Ask whoever runs your account to resume it."
    )


def foreign_sender(domain: str) -> LiveryError:
    """The From domain is verified by somebody else."""
    return LiveryError(
        Kind.DENIED,
        "SENDER_NOT_YOURS",
        f"You cannot send as {domain}.",
        next="Use a From address under a domain of your own.",
        field=("sender",),
    )
