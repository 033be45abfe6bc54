"""How do programs get in? SMTP users, API keys and networks: made, listed, changed, switched off, revoked."""

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.pages import PageInfo, cursor, identity, page, page_size
from api.graphql.problems import Problem, refusable
from api.graphql.roles import Permission
from kit.errors import missing
from tenants import keys, makers, rates
from tenants.permissions import Permission as Allowed
from tenants.rates import Limits
from tenants.terms import Terms

Info = strawberry.Info[Context, None]


@strawberry.enum
class CredentialKind(Enum):
    """How a credential is shown."""

    SMTP = strawberry.enum_value("smtp", description="User and password, for mail programs.")
    API = strawberry.enum_value("api", description="A bearer key, for this API.")
    SOURCE = strawberry.enum_value(
        "source",
        description="Nothing: whoever connects from its networks sends by SMTP. Made by the operator's people only.",
    )


@strawberry.enum
class CredentialState(Enum):
    """Whether a credential lets anybody in."""

    ACTIVE = strawberry.enum_value("active", description="It does.")
    DISABLED = strawberry.enum_value("disabled", description="Switched off; can be switched on again.")
    EXPIRED = strawberry.enum_value("expired", description="Its time is over; a later end makes it good again.")
    REVOKED = strawberry.enum_value("revoked", description="Ended for ever.")


@strawberry.type
class RateLimits:
    """
    The most recipients in a minute, hour, day and month; null is no limit. Minutes and hours begin as on every clock, days and
    months in the account's time zone.
    """

    per_minute: int | None
    per_hour: int | None
    per_day: int | None
    per_month: int | None


@strawberry.enum
class LimitWindow(Enum):
    """A span of the calendar in which recipients are counted."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@strawberry.type
class LimitUse:
    """How much of a limit is used in its present minute, hour, day or month, over all doors together."""

    window: LimitWindow
    most: int
    used: int = strawberry.field(description="Recipients taken so far.")
    ends_at: datetime = strawberry.field(description="From this moment on it is counted anew.")


@strawberry.type
class CredentialMaker:
    """The person who made a credential. It goes on when that person gets another role or is removed."""

    member_id: strawberry.ID | None = strawberry.field(description="Null for the provider's people, who have no name.")
    name: str | None = strawberry.field(description="Null once the person was removed.")
    email: str | None
    removed: bool = strawberry.field(description="The person is no member any more.")
    by_provider: bool = strawberry.field(description="Somebody of an account above.")


async def _limit_use(root: "Credential", info: Info) -> list[LimitUse]:
    return await info.context.load.limit_uses.load(UUID(root.id))


async def _made_by(root: "Credential", info: Info) -> CredentialMaker | None:
    return await info.context.load.makers.load(UUID(root.id))


@strawberry.type
class Credential:
    """One way for a program to act for an account. Its secret is shown once, when it is made."""

    id: strawberry.ID
    account_id: strawberry.ID
    account_name: str
    kind: CredentialKind
    name: str = strawberry.field(description="For people: what it is used by.")
    username: str | None = strawberry.field(description="Of an SMTP user.")
    prefix: str | None = strawberry.field(description="How the secret begins, to tell it from others.")
    state: CredentialState
    permissions: list[Permission] = strawberry.field(description="What it is allowed in its account and below.")
    networks: list[str] = strawberry.field(description="Where it may be used from; empty: anywhere.")
    limits: RateLimits
    limit_use: list[LimitUse] = strawberry.field(
        resolver=_limit_use, description="What is used of each limit it has, the shortest first; empty without limits."
    )
    sandbox: bool = strawberry.field(description="Its mail is accepted and charged, and never leaves the house.")
    expires_at: datetime | None
    disabled_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = strawberry.field(
        description="To the minute, written down within a minute or so; null: never."
    )
    last_used_ip: str | None
    created_at: datetime
    created_by: CredentialMaker | None = strawberry.field(
        resolver=_made_by, description="The person who made it; null: a program did, or the operator's command line."
    )


@strawberry.type
class CredentialConnection:
    """A page of credentials."""

    nodes: list[Credential]
    page_info: PageInfo


@strawberry.type
class NewCredential:
    """A credential just made. Keep its secret now: nobody can read it again."""

    credential: Credential
    secret: str | None = strawberry.field(
        description="The password of an SMTP user, or the API key; null where a network is enough."
    )


@strawberry.input
class RateLimitsInput:
    """The most recipients in a minute, hour, day and month; null is no limit."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None


@strawberry.input
class CreateCredentialInput:
    """A new credential. Nobody gives more than they have: a key makes no stronger key."""

    kind: CredentialKind
    name: str = strawberry.field(description="For people: what it is used by.")
    account_id: strawberry.ID | None = strawberry.field(
        default=None, description="One's own account, or one below it; null: one's own."
    )
    permissions: list[Permission] | None = strawberry.field(
        default=None, description="Of an API key; null: READ and SEND. SMTP users and networks only send."
    )
    networks: list[str] | None = strawberry.field(
        default=None, description="Where it may be used from: 203.0.113.0/24, 2001:db8::/48; null: anywhere."
    )
    limits: RateLimitsInput | None = None
    sandbox: bool = False
    expires_at: datetime | None = None


@strawberry.input
class UpdateCredentialInput:
    """What is left out stays as it is; null takes it away."""

    name: str | None = strawberry.UNSET
    permissions: list[Permission] | None = strawberry.UNSET
    networks: list[str] | None = strawberry.UNSET
    limits: RateLimitsInput | None = strawberry.field(default=strawberry.UNSET, description="All four together.")
    sandbox: bool | None = strawberry.UNSET
    expires_at: datetime | None = strawberry.UNSET


CreateCredentialResult = Annotated[NewCredential | Problem, strawberry.union("CreateCredentialResult")]
CredentialResult = Annotated[Credential | Problem, strawberry.union("CredentialResult")]


def credential(found: keys.CredentialView) -> Credential:
    """A credential as clients see it."""
    terms = found.terms
    return Credential(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        account_name=found.account_name,
        kind=CredentialKind(found.kind.value),
        name=terms.name,
        username=found.username,
        prefix=found.prefix,
        state=CredentialState(found.state.value),
        permissions=[Permission(permission.value) for permission in Allowed if permission in found.may],
        networks=list(terms.networks),
        limits=RateLimits(**vars(terms.limits)),
        sandbox=terms.sandbox,
        expires_at=terms.expires_at,
        disabled_at=found.disabled_at,
        revoked_at=found.revoked_at,
        last_used_at=found.last_used_at,
        last_used_ip=found.last_used_ip,
        created_at=found.created_at,
    )


def limit_use(window: rates.Window) -> LimitUse:
    """A limit's use as clients see it."""
    return LimitUse(window=LimitWindow(window.span), most=window.most, used=window.used, ends_at=window.ends_at)


def maker(found: makers.Maker) -> CredentialMaker:
    """Who made a credential, as clients see it."""
    return CredentialMaker(
        member_id=strawberry.ID(str(found.member_id)) if found.member_id else None,
        name=found.name,
        email=found.email,
        removed=found.removed,
        by_provider=found.by_provider,
    )


async def list_credentials(
    info: Info,
    first: int = 50,
    after: str | None = None,
    account_id: strawberry.ID | None = None,
    revoked: bool = False,
    created_by: strawberry.ID | None = None,
) -> CredentialConnection:
    """Credentials of one account, or all that one member made, newest first."""
    scope, size, last = info.context.allowed(Allowed.KEYS), page_size(first), cursor(after)
    named = [identity(id) for id in (account_id, created_by) if id is not None]
    account = None if account_id is None else identity(account_id)
    member = None if created_by is None else identity(created_by)
    found: list[keys.CredentialView] = []
    if None not in named:  # what is no id names nothing
        async with info.context.read(Allowed.KEYS) as conn:
            found = await keys.credentials(
                conn,
                scope,
                account_id=account if named else scope.account_id,
                first=size + 1,
                after=last,
                revoked=revoked,
                maker=member,
            )
    rows, page_info = page(found, size)
    return CredentialConnection(nodes=[credential(row) for row in rows], page_info=page_info)


async def find_credential(info: Info, id: strawberry.ID) -> Credential | None:
    """One credential; null where there is none or it is not the asker's."""
    scope, row_id = info.context.allowed(Allowed.KEYS), identity(id)
    if row_id is None:
        return None
    async with info.context.read(Allowed.KEYS) as conn:
        found = await keys.credential(conn, scope, row_id)
    return credential(found) if found else None


@refusable
async def create_credential(info: Info, input: CreateCredentialInput) -> CreateCredentialResult:
    """Make a credential; its secret is in the answer and nowhere else."""
    context = info.context
    scope = context.allowed(Allowed.KEYS)
    account = scope.account_id if input.account_id is None else identity(input.account_id)
    if account is None:
        raise missing("account")
    async with context.change(Allowed.KEYS) as unit:
        made = await keys.make(
            unit,
            scope,
            context.platform.keyring,
            account_id=account,
            kind=keys.CredentialKind(str(input.kind.value)),
            terms=Terms(
                name=input.name,
                networks=tuple(input.networks or ()),
                permissions=None if input.permissions is None else _allowed(input.permissions),
                limits=_limits(input.limits),
                sandbox=input.sandbox,
                expires_at=input.expires_at,
            ),
        )
        found = await keys.credential(unit.conn, scope, made.id)
    if found is None:
        raise missing("credential")
    return NewCredential(credential=credential(found), secret=made.secret)


@refusable
async def update_credential(info: Info, id: strawberry.ID, input: UpdateCredentialInput) -> CredentialResult:
    """Give a credential other terms."""
    scope, row_id = info.context.allowed(Allowed.KEYS), _identity(id)
    given: dict[str, Any] = {
        name: value for name, value in vars(input).items() if value is not strawberry.UNSET and name != "limits"
    }
    if given.get("name", "") is None:
        given["name"] = ""
    if "networks" in given:
        given["networks"] = tuple(given["networks"] or ())
    if given.get("permissions") is not None:
        given["permissions"] = _allowed(given["permissions"])
    if "sandbox" in given:
        given["sandbox"] = bool(given["sandbox"])
    if input.limits is not strawberry.UNSET:
        given["limits"] = _limits(input.limits)
    async with info.context.change(Allowed.KEYS) as unit:
        return credential(await keys.change(unit, scope, row_id, lambda terms: replace(terms, **given)))


@refusable
async def disable_credential(info: Info, id: strawberry.ID) -> CredentialResult:
    """Switch a credential off."""
    scope, row_id = info.context.allowed(Allowed.KEYS), _identity(id)
    async with info.context.change(Allowed.KEYS) as unit:
        return credential(await keys.disable(unit, scope, row_id))


@refusable
async def enable_credential(info: Info, id: strawberry.ID) -> CredentialResult:
    """Switch a credential on again."""
    scope, row_id = info.context.allowed(Allowed.KEYS), _identity(id)
    async with info.context.change(Allowed.KEYS) as unit:
        return credential(await keys.enable(unit, scope, row_id))


@refusable
async def revoke_credential(info: Info, id: strawberry.ID) -> CredentialResult:
    """Let nobody in with a credential any more, for ever."""
    scope, row_id = info.context.allowed(Allowed.KEYS), _identity(id)
    async with info.context.change(Allowed.KEYS) as unit:
        return credential(await keys.revoke(unit, scope, row_id))


def _identity(id: str) -> UUID:
    row_id = identity(id)
    if row_id is None:
        raise missing("credential")
    return row_id


def _allowed(given: list[Permission]) -> frozenset[Allowed]:
    return frozenset(Allowed(str(permission.value)) for permission in given)


def _limits(given: RateLimitsInput | None) -> Limits:
    return Limits(**vars(given)) if given is not None else Limits()
