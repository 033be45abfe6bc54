"""How do people deal with the mail, and which tracked links lead nowhere any more?"""

from datetime import datetime
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.events import EventKind
from api.graphql.members import account_named
from api.graphql.pages import reference
from api.graphql.problems import Problem, refusable
from api.graphql.scalars import BigInt
from mail import engagement, tracking
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.type
class ProgramShare:
    """Opens and clicks with one program, as far as it says what it is."""

    agent: str | None = strawberry.field(
        description="Browser or mail program; null where it does not say. Gmail and Yahoo Mail fetch pictures through "
        "proxies, which tell nothing of what is behind them."
    )
    system: str | None = strawberry.field(description="Operating system.")
    device: str | None = strawberry.field(description="desktop, phone or tablet.")
    opens: BigInt
    clicks: BigInt


@strawberry.type
class LinkClicks:
    """Clicks on one link."""

    target: str = strawberry.field(description="Where it leads, as it was written in the mail.")
    clicks: BigInt
    people: BigInt = strawberry.field(description="Recipients who followed it.")


@strawberry.type
class Visit:
    """One open or click of a recipient."""

    id: strawberry.ID
    kind: EventKind = strawberry.field(description="OPENED or CLICKED.")
    at: datetime
    target: str | None = strawberry.field(description="Where a click led, as it was written in the mail.")
    machine: str | None = strawberry.field(
        description="Which kind of machine it was: privacy_proxy, mail_proxy, scanner, preview, crawler, program, head, "
        "look_ahead, nameless, too_soon, all_links. Null: a person."
    )
    agent: str | None = strawberry.field(description="Browser or mail program.")
    system: str | None = strawberry.field(description="Operating system.")
    device: str | None = strawberry.field(description="desktop, phone or tablet.")
    network: str | None = strawberry.field(
        description="The visitor's network, or the whole address where the account keeps it."
    )
    country: str | None = strawberry.field(
        description="The country of that network (ISO 3166-1, two letters), where the operator has a database of them."
    )


@strawberry.type
class Engagement:
    """What came of mail in a period. Machines (scanners, mail programs that fetch everything) are told apart from people."""

    opens: BigInt = strawberry.field(
        description="Opens by people, repeated ones too; what a recipient loads within ten seconds is one."
    )
    machine_opens: BigInt = strawberry.field(description="Opens by machines, counted likewise.")
    opened: BigInt = strawberry.field(description="Recipients who opened anything.")
    clicks: BigInt = strawberry.field(description="Clicks by people, repeated ones too.")
    machine_clicks: BigInt = strawberry.field(description="Clicks by machines.")
    clicked: BigInt = strawberry.field(description="Recipients who clicked anything.")
    first_open_delay: float | None = strawberry.field(
        description="Seconds from delivery to a recipient's first open, on average; null where nobody opened."
    )
    opens_per_mail: float | None = strawberry.field(description="Opens by people, for each recipient who opened.")
    click_delay: float | None = strawberry.field(
        description="Seconds from a recipient's first open to the first click, on average."
    )
    programs: list[ProgramShare] = strawberry.field(description="Up to 50 programs, the most used first.")
    links: list[LinkClicks] = strawberry.field(description="Up to 50 links, the most clicked first.")


@strawberry.type
class DeadLink:
    """A tracked link that leads nowhere any more, in mail that was sent and in mail to come."""

    id: strawberry.ID
    account_id: strawberry.ID
    target: str | None = strawberry.field(description="Where it led; null: every link of the account.")
    reason: str
    at: datetime


KillLinkResult = Annotated[DeadLink | Problem, strawberry.union("KillLinkResult")]
ReviveLinkResult = Annotated[DeadLink | Problem, strawberry.union("ReviveLinkResult")]


async def find_engagement(
    info: Info,
    from_: Annotated[datetime, strawberry.argument(name="from")],
    to: datetime,
    account_id: strawberry.ID | None = None,
    machines: bool = False,
) -> Engagement:
    """Opens and clicks from `from` up to `to`."""
    async with info.context.read(Permission.READ) as conn:
        found = await engagement.engagement(
            conn,
            info.context.scope,
            start=from_,
            end=to,
            account_id=account_named(account_id),
            machines=machines,
        )
    return Engagement(
        opens=BigInt(found.opens),
        machine_opens=BigInt(found.machine_opens),
        opened=BigInt(found.opened),
        clicks=BigInt(found.clicks),
        machine_clicks=BigInt(found.machine_clicks),
        clicked=BigInt(found.clicked),
        first_open_delay=found.first_open_delay,
        opens_per_mail=found.opens_per_mail,
        click_delay=found.click_delay,
        programs=[
            ProgramShare(
                agent=one.agent,
                system=one.system,
                device=one.device,
                opens=BigInt(one.opens),
                clicks=BigInt(one.clicks),
            )
            for one in found.programs
        ],
        links=[
            LinkClicks(target=one.target, clicks=BigInt(one.clicks), people=BigInt(one.people)) for one in found.links
        ],
    )


async def list_dead_links(info: Info, account_id: strawberry.ID | None = None) -> list[DeadLink]:
    """What leads nowhere any more."""
    async with info.context.read(Permission.READ) as conn:
        found = await tracking.dead_links(conn, info.context.scope, account_id=account_named(account_id))
    return [_dead(one) for one in found]


@refusable
async def kill_link(
    info: Info, reason: str, target: str | None = None, account_id: strawberry.ID | None = None
) -> KillLinkResult:
    """Let a link, or without a `target` every link of an account, lead nowhere."""
    async with info.context.change(Permission.ACCOUNTS) as unit:
        return _dead(
            await tracking.kill(
                unit.conn, info.context.scope, account_id=account_named(account_id), target=target, reason=reason
            )
        )


@refusable
async def revive_link(info: Info, id: strawberry.ID) -> ReviveLinkResult:
    """Let it lead where it led."""
    info.context.allowed(Permission.ACCOUNTS)
    link_id = reference(id, "dead link", "id")
    async with info.context.change(Permission.ACCOUNTS) as unit:
        return _dead(await tracking.revive(unit.conn, info.context.scope, link_id))


def visit(found: engagement.Visit) -> Visit:
    """A visit as clients see it."""
    return Visit(
        id=strawberry.ID(str(found.id)),
        kind=EventKind(found.kind.value),
        at=found.at,
        target=found.target,
        machine=found.machine,
        agent=found.agent,
        system=found.system,
        device=found.device,
        network=found.network,
        country=found.country,
    )


def _dead(found: tracking.DeadLink) -> DeadLink:
    return DeadLink(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        target=found.target,
        reason=found.reason,
        at=found.at,
    )
