"""What can be asked, changed and followed? The three roots, with their nouns each in a file of its own.

`print_sdl()` is what `api/schema.graphql` holds; a change of one without the other fails the build.
"""

from collections.abc import Iterable
from inspect import cleandoc

import strawberry
from graphql import GraphQLError, GraphQLNamedType
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import ExecutionContext

from api.graphql.accounts import mail_setup
from api.graphql.credentials import (
    create_credential,
    disable_credential,
    enable_credential,
    find_credential,
    list_credentials,
    revoke_credential,
    update_credential,
)
from api.graphql.events import read_events, read_latest
from api.graphql.limits import Limits
from api.graphql.live import follow
from api.graphql.me import who
from api.graphql.messages import find_message, list_messages
from api.graphql.recipients import find_recipient, list_recipients
from api.graphql.scalars import SCALARS
from api.graphql.send import send_mail
from api.graphql.session import log_in, log_in_second_factor, log_out
from api.graphql.statistics import count


@strawberry.type
class Query:
    """Everything that can be read."""

    me = strawberry.field(resolver=who, description="Who is asking: null when nobody is signed in.")
    messages = strawberry.field(resolver=list_messages, description="Messages, newest first.")
    message = strawberry.field(
        resolver=find_message, description="One message; null where there is none of that id to be seen."
    )
    recipients = strawberry.field(resolver=list_recipients, description="One line a recipient, newest first.")
    recipient = strawberry.field(
        resolver=find_recipient, description="One recipient; null where there is none of that id to be seen."
    )
    events = strawberry.field(
        resolver=read_events, description="The ledger, oldest first, from a cursor; without one, from its start."
    )
    latest_events = strawberry.field(
        resolver=read_latest,
        description="The newest events, newest first: to fill a feed before following it from its first cursor.",
    )
    statistics = strawberry.field(
        resolver=count,
        description="Counts of a period in buckets; the period is widened to whole buckets. Days begin in `timeZone` "
        "(IANA name), by default the account's own.",
    )
    smtp_settings = strawberry.field(
        resolver=mail_setup, description="How a mail program is set up to send for this account."
    )
    credentials = strawberry.field(
        resolver=list_credentials,
        description="SMTP users, API keys and networks of one account, by default one's own, newest first; revoked ones "
        "where asked for.",
    )
    credential = strawberry.field(
        resolver=find_credential, description="One credential; null where there is none of that id to be seen."
    )


@strawberry.type
class Mutation:
    """Everything that can be changed. A browser's request needs the header X-Requested-With."""

    login = strawberry.field(resolver=log_in, description="Sign in on this host; the answer sets the session's cookie.")
    login_second_factor = strawberry.field(
        resolver=log_in_second_factor, description="The second step of a login, where `login` asked for it."
    )
    logout = strawberry.field(resolver=log_out, description="Sign this browser out. True when it was signed in.")
    send_mail = strawberry.field(
        resolver=send_mail,
        description="Send one message. When the answer has an id, it is stored and charged; delivery follows.",
    )
    create_credential = strawberry.field(
        resolver=create_credential,
        description="Make an SMTP user, an API key or a network. The secret is in this answer and can never be read again.",
    )
    update_credential = strawberry.field(
        resolver=update_credential,
        description="Change a credential's name, permissions, networks, limits, sandbox or end. Holds within 5 seconds.",
    )
    disable_credential = strawberry.field(
        resolver=disable_credential, description="Switch a credential off. Nobody is let in with it within 5 seconds."
    )
    enable_credential = strawberry.field(resolver=enable_credential, description="Switch a credential on again.")
    revoke_credential = strawberry.field(
        resolver=revoke_credential,
        description="End a credential for ever. Nobody is let in with it within 5 seconds: new logins, open SMTP sessions "
        "and WebSockets.",
    )


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
