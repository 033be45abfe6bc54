"""How does a change say that it was refused? As a value beside its result: `<Thing> | Problem`."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps

import strawberry

from kit.errors import LiveryError


@strawberry.type
class Problem:
    """Why something was refused, and what to do about it."""

    code: str = strawberry.field(
        description="Stable, upper case: e.g. INVALID, UNAUTHENTICATED, DENIED, MISSING, NO_CREDITS, UNAVAILABLE."
    )
    message: str = strawberry.field(description="For people; its words may change.")
    field: list[str] | None = strawberry.field(default=None, description="Path of the input field at fault.")
    next: str | None = strawberry.field(default=None, description="What to do next.")
    until: datetime | None = strawberry.field(
        default=None, description="The same request may succeed from this moment on; null where no time will mend it."
    )


def problem(refusal: LiveryError) -> Problem:
    """A refusal as clients see it."""
    return Problem(
        code=refusal.code,
        message=refusal.message,
        field=list(refusal.field) if refusal.field else None,
        next=refusal.next,
        until=refusal.until,
    )


def refusable[**P, T](resolve: Callable[P, Awaitable[T | Problem]]) -> Callable[P, Awaitable[T | Problem]]:
    """Let a mutation's refusals be answers. What is no refusal goes on, to be masked."""

    @wraps(resolve)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> T | Problem:
        try:
            return await resolve(*args, **kwargs)
        except LiveryError as refusal:
            return problem(refusal)

    return answer
