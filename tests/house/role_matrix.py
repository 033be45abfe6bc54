"""Who may ask for what? Every root field of the API by who asks, written by hand so that a new field needs a decision.

`tests/house/test_schema.py` fails for a field that is missing here; `tests/flows/test_roles.py` asks each in each role.
"""

from dataclasses import dataclass
from enum import Enum


class Answer(Enum):
    """What somebody gets who asks."""

    DATA = "data"  # answered, within what the asker's scope can see
    NOBODY = "nobody"  # answered with null: there is nobody to speak of
    REFUSED = "refused"  # UNAUTHENTICATED, and nothing happened


@dataclass(frozen=True)
class Access:
    """The answers for nobody in particular, for a signed-in member and for a program with an API key."""

    anonymous: Answer
    member: Answer
    key: Answer


_SIGNED_IN = Access(anonymous=Answer.REFUSED, member=Answer.DATA, key=Answer.DATA)
_ANYONE = Access(anonymous=Answer.DATA, member=Answer.DATA, key=Answer.DATA)

MATRIX: dict[str, Access] = {
    "Query.me": Access(anonymous=Answer.NOBODY, member=Answer.DATA, key=Answer.DATA),
    "Query.messages": _SIGNED_IN,
    "Query.message": _SIGNED_IN,
    "Query.recipients": _SIGNED_IN,
    "Query.recipient": _SIGNED_IN,
    "Query.events": _SIGNED_IN,
    "Query.latestEvents": _SIGNED_IN,
    "Query.statistics": _SIGNED_IN,
    "Query.smtpSettings": _SIGNED_IN,
    "Mutation.login": _ANYONE,
    "Mutation.logout": _ANYONE,
    "Mutation.sendMail": _SIGNED_IN,
    "Subscription.events": _SIGNED_IN,
}
