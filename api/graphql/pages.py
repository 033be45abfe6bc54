"""How is a long list read? By page: `first` up to 100, `after` the last cursor; rows that come or go meanwhile shift nothing."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import strawberry

from kit.errors import LiveryError, invalid, missing

MOST = 100
"""Rows of the longest page."""


@strawberry.type
class PageInfo:
    """Where a page ends and whether there is more."""

    has_next_page: bool
    end_cursor: str | None = strawberry.field(
        description="Give it as `after` for the next page; null on an empty page."
    )


def page_size(first: int) -> int:
    """`first` if it is one. Raises LiveryError (INVALID)."""
    if not 1 <= first <= MOST:
        raise invalid(f"A page has 1 to {MOST} rows.", "first")
    return first


def identity(value: str) -> UUID | None:
    """The id in `value`; None for what is no id of ours and therefore names nothing, like a foreign one."""
    try:
        return UUID(value)
    except ValueError:
        return None


def reference(value: str, thing: str, *field: str) -> UUID:
    """The id that a change names. Raises LiveryError (MISSING) for what is none, as for one of somebody else's."""
    id = identity(value)
    if id is None:
        refusal = missing(thing)
        refusal.field = field or None
        raise refusal
    return id


def cursor(after: str | None) -> UUID | None:
    """The row that `after` names. Raises LiveryError (INVALID) where it was not given out here."""
    try:
        return UUID(after) if after is not None else None
    except ValueError:
        raise _foreign() from None


def position(after: str | None) -> int | None:
    """The same as `cursor` for rows that are numbered."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) <= _DIGITS):
        raise _foreign()
    return int(after)


_DIGITS = 18
"""Of numbers that PostgreSQL's bigint certainly holds."""


def _foreign() -> LiveryError:
    return invalid(
        "This cursor was not given out here.", "after", next="Use `endCursor` of the page before, unchanged."
    )


class _Row(Protocol):
    @property
    def id(self) -> UUID | int: ...


def page[R: _Row](found: Sequence[R], first: int) -> tuple[Sequence[R], PageInfo]:
    """The rows of a page and what comes after it; `found` was asked for one row more than the page has."""
    rows = found[:first]
    return rows, PageInfo(has_next_page=len(found) > first, end_cursor=str(rows[-1].id) if rows else None)
