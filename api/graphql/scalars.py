"""How do values that JSON lacks travel? Times as RFC 3339 in UTC, big counts as JSON integers."""

from datetime import UTC, datetime
from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)


def rfc3339(moment: datetime) -> str:
    """A moment in UTC to the microsecond: 2026-11-23T05:35:21.250000Z (RFC 3339 §5.6)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no time at all, or one that UTC's calendar has no year for
        pass
    raise GraphQLError("A time is written like 2026-11-23T05:35:21Z, with its zone, from the year 1 to 9999 in UTC.")


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**53) < value < 2**53:
        raise GraphQLError("A count is a whole number between -2^53 and 2^53.")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number up to 2^53, as a JSON number: every JavaScript number holds it exactly.",
        serialize=int,
        parse_value=_count,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment in UTC, RFC 3339: `2026-11-23T05:35:21.250000Z`. Given times carry their zone.",
        serialize=rfc3339,
        parse_value=_moment,
    ),
}
"""For the schema's `scalar_map`."""
