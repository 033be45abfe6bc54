"""What is an account, and how is its mail program set up?"""

from enum import Enum

import strawberry

from api.context import Context
from api.graphql.scalars import BigInt
from kit.settings import Settings
from mail.transports import simulator
from tenants import credentials, tree
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class AccountKind(Enum):
    """Where in the tree an account stands."""

    OPERATOR = strawberry.enum_value("operator", description="Runs the platform.")
    RESELLER = strawberry.enum_value("reseller", description="Brands the product and has sub-accounts.")
    SUB_ACCOUNT = strawberry.enum_value("sub_account", description="Sends mail under its reseller's brand.")


@strawberry.type
class Account:
    """An account in the tree: operator, reseller or sub-account."""

    id: strawberry.ID
    slug: str = strawberry.field(description="Its short name in commands and addresses.")
    name: str
    kind: AccountKind
    time_zone: str = strawberry.field(description="IANA name; the days of its charts begin there.")
    credits: BigInt = strawberry.field(description="Credits left: one credit sends one message to one recipient.")


@strawberry.type
class SmtpSettings:
    """How a mail program is set up."""

    host: str
    start_tls_ports: list[int]
    implicit_tls_ports: list[int]
    users: list[str] = strawberry.field(
        description="The names of the account's SMTP users; passwords are shown once, at creation."
    )
    test_recipient: str = strawberry.field(
        description="An address that plays the whole life of a delivered message and never leaves the house."
    )


def account(found: tree.AccountView) -> Account:
    """An account as clients see it."""
    return Account(
        id=strawberry.ID(str(found.id)),
        slug=found.slug,
        name=found.name,
        kind=AccountKind(found.kind.value),
        time_zone=found.time_zone,
        credits=BigInt(found.credits),
    )


async def mail_setup(info: Info) -> SmtpSettings:
    """Host, ports and users for a mail program."""
    settings = info.context.platform.settings
    async with info.context.read(Permission.READ) as conn:
        users = await credentials.smtp_users(conn, info.context.scope)
    return SmtpSettings(
        host=smtp_host(settings),
        start_tls_ports=list(settings.smtp_ports),
        implicit_tls_ports=list(settings.smtps_ports),
        users=users,
        test_recipient=f"delivered@{simulator.DOMAIN if settings.demo else simulator.neutral_domain(settings.mail_domain)}",
    )


def smtp_host(settings: Settings) -> str:
    """The host that mail programs connect to: the neutral one, or loopback where the ports listen there only."""
    return settings.bind if settings.bind.startswith("127.") or settings.bind == "::1" else settings.mail_domain
