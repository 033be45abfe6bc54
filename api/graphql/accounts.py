"""What is an account, and how is its mail program set up?"""

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.scalars import BigInt
from api.graphql.sources import Source
from kit.settings import Settings
from mail.accounts import activity as mail_activity
from mail.transports import simulator
from tenants import credentials, views
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class AccountKind(Enum):
    """Where in the tree an account stands."""

    OPERATOR = strawberry.enum_value("operator", description="Runs the platform.")
    RESELLER = strawberry.enum_value("reseller", description="Brands the product and has sub-accounts.")
    SUB_ACCOUNT = strawberry.enum_value("sub_account", description="Sends mail under its reseller's brand.")


@strawberry.enum
class AccountState(Enum):
    """How an account stands, and what that blocks."""

    ACTIVE = strawberry.enum_value("active", description="Nothing is blocked.")
    SUSPENDED = strawberry.enum_value(
        "suspended",
        description="Its people may sign in and read; nothing can be changed, submitted or delivered, its keys and SMTP "
        "users are refused, queued mail is held. Opens, clicks, unsubscribes and complaints are still counted.",
    )
    SUSPENDED_ABOVE = strawberry.enum_value(
        "suspended_above", description="An account above it is suspended: blocked in the same way."
    )
    DELETED = strawberry.enum_value("deleted", description="Gone: never seen in lists.")


@strawberry.enum
class WhenSpent(Enum):
    """What happens to mail for which there is no credit, or no room in the month."""

    REJECT = strawberry.enum_value("reject", description="Refused.")
    HOLD = strawberry.enum_value("hold", description="Taken, and held until somebody releases it.")
    QUEUE = strawberry.enum_value(
        "queue", description="Taken, and held until there is credit again or the month begins anew."
    )


async def _source_of(root: "Account", info: Info) -> Source | None:
    return await info.context.load.sources.load(root.source_id) if root.source_id else None


async def _activity_of(root: "Account", info: Info) -> "Activity":
    return await info.context.load.activities.load(root.row_id)


@strawberry.type
class Account:
    """An account in the tree: operator, reseller or sub-account."""

    id: strawberry.ID
    parent_id: strawberry.ID | None = strawberry.field(description="The account above; null for one's own account.")
    slug: str = strawberry.field(description="Its short name in commands and addresses.")
    name: str
    kind: AccountKind
    state: AccountState
    suspended_at: datetime | None
    suspended_reason: str | None
    time_zone: str = strawberry.field(description="IANA name; the days of its charts begin there.")
    credits: BigInt = strawberry.field(
        description="Credits left, its own or those of the pool it shares: one credit sends one message to one recipient."
    )
    shares_pool: bool = strawberry.field(
        description="It spends the credits of the account above (a coworker) instead of credits of its own."
    )
    monthly_limit: BigInt | None = strawberry.field(
        description="Credits it may spend in a month of its time zone; null: no limit."
    )
    when_spent: WhenSpent = strawberry.field(description="What happens to mail when credits or the month are used up.")
    alert_below: BigInt | None = strawberry.field(description="Credits below which somebody wants to know.")
    may_resell: bool = strawberry.field(description="It may have sub-accounts.")
    privacy_url: str | None = strawberry.field(description="Its privacy policy; null: the parent's.")
    brand_name: str | None = strawberry.field(description="Shown to it and those below; null: the parent's.")
    brand_color: str | None = strawberry.field(description="#rrggbb; null: the parent's.")
    sign_up_open: bool = strawberry.field(description="Strangers may sign up on its hosts and become its sub-accounts.")
    sign_up_plan_id: strawberry.ID | None = strawberry.field(description="The plan that they start with.")
    referral_code: str | None = strawberry.field(
        description="Sign-ups with this code count as brought by this account."
    )
    created_at: datetime
    sub_account_count: int = strawberry.field(description="Accounts right below it.")
    row_id: strawberry.Private[UUID]
    source_id: strawberry.Private[UUID | None] = None
    source: Source | None = strawberry.field(
        resolver=_source_of, description="The address its mail leaves from; null: as the parent's."
    )
    activity: "Activity" = strawberry.field(
        resolver=_activity_of, description="What it and the accounts below it do, at a glance."
    )


@strawberry.type
class Activity:
    """The mail of an account and of those below it: recipients of the last 30 days, and how many wait now."""

    sent: BigInt = strawberry.field(description="Accepted within the last 30 days.")
    delivered: BigInt
    bounced: BigInt
    complained: BigInt
    queued: BigInt = strawberry.field(description="Waiting now.")
    last_mail_at: datetime | None


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


def account(found: views.AccountView) -> Account:
    """An account as clients see it."""
    return Account(
        id=strawberry.ID(str(found.id)),
        parent_id=_id(found.parent_id),
        slug=found.slug,
        name=found.name,
        kind=AccountKind(found.kind.value),
        state=AccountState(found.state.value),
        suspended_at=found.suspended_at,
        suspended_reason=found.suspended_reason,
        time_zone=found.time_zone,
        credits=BigInt(found.credits),
        shares_pool=found.shares_pool,
        monthly_limit=_count(found.monthly_limit),
        when_spent=WhenSpent(found.when_spent.value),
        alert_below=_count(found.alert_below),
        may_resell=found.may_resell,
        privacy_url=found.privacy_url,
        brand_name=found.brand_name,
        brand_color=found.brand_color,
        sign_up_open=found.sign_up_open,
        sign_up_plan_id=_id(found.sign_up_plan_id),
        referral_code=found.referral_code,
        created_at=found.created_at,
        sub_account_count=found.children,
        row_id=found.id,
        source_id=found.source_id,
    )


def activity(found: mail_activity.Activity) -> Activity:
    """An account's activity as clients see it."""
    return Activity(
        sent=BigInt(found.sent),
        delivered=BigInt(found.delivered),
        bounced=BigInt(found.bounced),
        complained=BigInt(found.complained),
        queued=BigInt(found.queued),
        last_mail_at=found.last_mail_at,
    )


def _id(value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(str(value))


def _count(value: int | None) -> BigInt | None:
    return None if value is None else BigInt(value)


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
