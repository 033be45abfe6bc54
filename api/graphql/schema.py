"""What can be asked, changed and followed? The three roots, each in a file of its own.

`print_sdl()` is what `api/schema.graphql` holds; a change of one without the other fails the build.
"""

from collections.abc import Iterable
from inspect import cleandoc

import strawberry
from graphql import GraphQLError, GraphQLNamedType
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import ExecutionContext

from api.graphql.limits import Limits
from api.graphql.live import follow
from api.graphql.mutations import Mutation
from api.graphql.queries import Query
from api.graphql.scalars import SCALARS


@strawberry.type
class Subscription:
    """Everything that can be followed, over graphql-transport-ws."""

    events = strawberry.subscription(
        resolver=follow,
        description="Replays the ledger after a cursor, then follows it live. Without a cursor it starts now. "
        "The first batch comes at once, later ones at most every 100 ms.",
    )


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: `api.errors` logs what is ours to mend, once, and a client's own faults never fill a disk."""


def _describe(types: Iterable[GraphQLNamedType]) -> None:
    """Let every type's docstring be its description for clients: one text, written once."""
    for type_ in types:
        definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        origin = getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None)
        if type_.description is None and origin is not None and origin.__doc__:
            type_.description = cleandoc(origin.__doc__)


schema = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[Limits],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
)

_describe(schema._schema.type_map.values())


def print_sdl() -> str:
    """The schema in GraphQL's own language, as it is committed."""
    return schema.as_str().strip() + "\n"
