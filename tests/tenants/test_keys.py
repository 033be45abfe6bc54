"""Who may make, change and end credentials, and can anybody give more than they have?"""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kit.clock import now, shift
from kit.crypto import Keyring
from kit.db import Database, UnitOfWork
from kit.errors import Kind, LiveryError
from tenants import keys
from tenants.authentication import authenticate_key
from tenants.credentials import NewCredential
from tenants.keys import CredentialKind, CredentialState
from tenants.models import Role
from tenants.permissions import ROLES, Permission
from tenants.rates import Limits
from tenants.scope import Scope
from tenants.terms import Terms
from tests.support.world import SECRET_KEY, Tenant, World

RING = Keyring(SECRET_KEY)
EVERYTHING = frozenset(Permission)
READING = frozenset({Permission.READ})
NOWHERE = UUID("00000000-0000-7000-8000-000000000000")


@pytest.fixture
async def unit(world_db: Database) -> AsyncIterator[UnitOfWork]:
    """One transaction, in which everything happens."""
    async with world_db.unit_of_work() as unit:
        yield unit


def person(tenant: Tenant, role: Role = Role.OWNER) -> Scope:
    """A member's scope."""
    return Scope(tenant.id, member_id=UUID(int=7), may=ROLES[role], ip="192.0.2.7")


async def made(
    unit: UnitOfWork, scope: Scope, terms: Terms, kind: CredentialKind = CredentialKind.API
) -> NewCredential:
    """A credential of the scope's own account."""
    return await keys.make(unit, scope, RING, account_id=scope.account_id, kind=kind, terms=terms)


async def program(unit: UnitOfWork, scope: Scope, terms: Terms) -> Scope:
    """The scope of an API key with these terms."""
    key = await made(unit, scope, replace(terms, permissions=terms.permissions or EVERYTHING))
    return Scope(
        scope.account_id,
        credential_id=key.id,
        sandbox=terms.sandbox,
        may=terms.permissions or EVERYTHING,
        ip="192.0.2.8",
    )


async def written(unit: UnitOfWork) -> list[tuple[str, dict[str, list[object]]]]:
    """The audit entries, oldest first: action and changes."""
    rows = await unit.conn.fetch("select action, changes from audit_entry order by id")
    return [(row["action"], json.loads(row["changes"])) for row in rows]


async def test_a_credential_goes_through_its_life_and_each_step_is_written_down(unit: UnitOfWork, world: World) -> None:
    scope = person(world.shop)
    new = await made(unit, scope, Terms(" Till ", networks=("192.0.2.0/24",), limits=Limits(per_day=9)))
    found = await keys.credential(unit.conn, scope, new.id)
    assert found is not None
    assert (found.terms.name, found.state, found.prefix) == ("Till", CredentialState.ACTIVE, (new.secret or "")[:9])
    assert found.may == frozenset({Permission.READ, Permission.SEND})
    assert await unit.conn.fetchval("select created_by from credential where id = $1", new.id) == scope.member_id
    changed = await keys.change(unit, scope, new.id, lambda terms: replace(terms, name="Shop", permissions=READING))
    assert (changed.terms.name, changed.may, changed.terms.limits) == ("Shop", READING, Limits(per_day=9))
    assert (await keys.disable(unit, scope, new.id)).state is CredentialState.DISABLED
    assert (await keys.disable(unit, scope, new.id)).state is CredentialState.DISABLED
    assert (await keys.enable(unit, scope, new.id)).state is CredentialState.ACTIVE
    assert (await keys.revoke(unit, scope, new.id)).state is CredentialState.REVOKED
    assert (await keys.revoke(unit, scope, new.id)).state is CredentialState.REVOKED
    for step in (keys.disable, keys.enable):
        with pytest.raises(LiveryError) as refused:
            await step(unit, scope, new.id)
        assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "REVOKED")
    assert await written(unit) == [
        (
            "credential.create",
            {
                "kind": [None, "api"],
                "name": ["", "Till"],
                "networks": [None, "192.0.2.0/24"],
                "limits": [None, "per_day 9"],
            },
        ),
        ("credential.update", {"name": ["Till", "Shop"], "permissions": [None, "read"]}),
        ("credential.disable", {"disabled": [False, True]}),
        ("credential.enable", {"disabled": [True, False]}),
        ("credential.revoke", {"revoked": [False, True]}),
    ]


async def test_a_list_has_one_account_newest_first_and_revoked_ones_where_asked_for(
    unit: UnitOfWork, world: World
) -> None:
    scope = person(world.acme)
    new = [await made(unit, scope, Terms(f"{n}")) for n in range(3)]
    await keys.revoke(unit, scope, new[1].id)

    async def names(account: UUID, scope: Scope = scope, **more: object) -> list[str]:
        found = await keys.credentials(unit.conn, scope, account_id=account, first=50, **more)  # type: ignore[arg-type]
        return [one.terms.name for one in found]

    assert (await names(world.acme.id))[:2] == ["2", "0"]
    assert (await names(world.acme.id, revoked=True))[:3] == ["2", "1", "0"]
    assert (await names(world.acme.id, after=new[2].id))[:1] == ["0"]
    assert "0" not in await names(world.shop.id)
    assert await names(world.shop.id) != [], "an account below"
    for stranger in (world.rival, world.other, world.cafe):
        assert await names(world.shop.id, person(stranger)) == []


async def test_what_is_somebody_elses_is_missing_like_what_never_was(unit: UnitOfWork, world: World) -> None:
    new = await made(unit, person(world.shop), Terms("shop's"))
    before = await unit.conn.fetch("select * from credential order by id")
    entries = await written(unit)
    for stranger in (world.rival, world.other, world.cafe):
        scope = person(stranger)
        assert await keys.credential(unit.conn, scope, new.id) is None
        for id in (new.id, NOWHERE):
            for refused in (
                keys.change(unit, scope, id, lambda terms: replace(terms, name="mine")),
                keys.disable(unit, scope, id),
                keys.enable(unit, scope, id),
                keys.revoke(unit, scope, id),
            ):
                with pytest.raises(LiveryError) as found:
                    await refused
                assert (found.value.kind, found.value.message) == (Kind.MISSING, "No such credential.")
        for account in (world.shop.id, NOWHERE):
            with pytest.raises(LiveryError) as found:
                await keys.make(unit, scope, RING, account_id=account, kind=CredentialKind.API, terms=Terms("x"))
            assert (found.value.kind, found.value.message) == (Kind.MISSING, "No such account.")
    assert await unit.conn.fetch("select * from credential order by id") == before
    assert await written(unit) == entries
    for parent in (world.acme, world.platform):
        assert (
            await keys.change(unit, person(parent), new.id, lambda terms: replace(terms, name="x"))
        ).terms.name == "x"
        await keys.change(unit, person(parent), new.id, lambda terms: replace(terms, name="y"))


@pytest.mark.parametrize("role", [Role.SENDER, Role.ANALYST, Role.BILLING])
async def test_other_roles_may_not(unit: UnitOfWork, world: World, role: Role) -> None:
    new = await made(unit, person(world.shop), Terms("owner's"))
    scope = person(world.shop, role)
    for refused in (
        made(unit, scope, Terms("x")),
        keys.change(unit, scope, new.id, lambda terms: replace(terms, name="x")),
        keys.disable(unit, scope, new.id),
        keys.enable(unit, scope, new.id),
        keys.revoke(unit, scope, new.id),
    ):
        with pytest.raises(LiveryError) as found:
            await refused
        assert (found.value.kind, found.value.code) == (Kind.DENIED, "FORBIDDEN")
    assert [action for action, _ in await written(unit)] == ["credential.create"]


FEW = frozenset({Permission.KEYS, Permission.READ})
ONCE = datetime(2100, 1, 1, tzinfo=UTC)
BOUND = Terms("bound", permissions=frozenset({Permission.KEYS, Permission.READ, Permission.SEND}))


@pytest.mark.parametrize(
    ("own", "wanted", "field", "allowed"),
    [
        (
            Terms("key", permissions=FEW),
            Terms("x"),
            "permissions",
            Terms("x", permissions=frozenset({Permission.READ})),
        ),
        (Terms("key", permissions=FEW), Terms("x", permissions=EVERYTHING), "permissions", Terms("x", permissions=FEW)),
        (replace(BOUND, sandbox=True), Terms("x"), "sandbox", Terms("x", sandbox=True)),
        (replace(BOUND, expires_at=ONCE), Terms("x"), "expiresAt", Terms("x", expires_at=ONCE)),
        (
            replace(BOUND, expires_at=ONCE),
            Terms("x", expires_at=ONCE + timedelta(seconds=1)),
            "expiresAt",
            Terms("x", expires_at=ONCE - timedelta(days=1)),
        ),
        (replace(BOUND, networks=("192.0.2.0/24",)), Terms("x"), "networks", Terms("x", networks=("192.0.2.9/32",))),
        (
            replace(BOUND, networks=("192.0.2.0/24", "2001:db8::/32")),
            Terms("x", networks=("2001:db8::/48", "192.0.0.0/16")),
            "networks",
            Terms("x", networks=("2001:db8::/48", "192.0.2.0/24")),
        ),
        (
            replace(BOUND, limits=Limits(per_day=100)),
            Terms("x", limits=Limits(per_hour=1)),
            "limits",
            Terms("x", limits=Limits(per_hour=200, per_day=100)),
        ),
        (
            replace(BOUND, limits=Limits(per_day=100)),
            Terms("x", limits=Limits(per_day=101)),
            "limits",
            Terms("x", limits=Limits(per_day=0)),
        ),
    ],
)
async def test_a_key_makes_no_stronger_key(
    unit: UnitOfWork, world: World, own: Terms, wanted: Terms, field: str, allowed: Terms
) -> None:
    owner = person(world.shop)
    scope = await program(unit, owner, own)
    with pytest.raises(LiveryError) as refused:
        await made(unit, scope, wanted)
    assert (refused.value.kind, refused.value.field) == (Kind.DENIED, (field,))
    new = await made(unit, scope, allowed)
    # Nor does it make one stronger afterwards, itself least of all.
    for id in (new.id, scope.credential_id or new.id):
        with pytest.raises(LiveryError) as refused:
            await keys.change(unit, scope, id, lambda _: wanted)
        assert (refused.value.kind, refused.value.field) == (Kind.DENIED, (field,))
    # Nor does it switch on what it could not have made.
    strong = await made(unit, owner, wanted)
    await keys.disable(unit, scope, strong.id)
    with pytest.raises(LiveryError) as refused:
        await keys.enable(unit, scope, strong.id)
    assert (refused.value.kind, refused.value.field) == (Kind.DENIED, (field,))
    assert (await keys.enable(unit, owner, strong.id)).state is CredentialState.ACTIVE


async def test_a_key_without_send_makes_no_smtp_user(unit: UnitOfWork, world: World) -> None:
    scope = await program(unit, person(world.shop), Terms("key", permissions=FEW))
    with pytest.raises(LiveryError) as refused:
        await made(unit, scope, Terms("x"), CredentialKind.SMTP)
    assert (refused.value.kind, refused.value.field) == (Kind.DENIED, ("permissions",))
    sends = await program(unit, person(world.shop), Terms("key", permissions=FEW | {Permission.SEND}))
    assert (await made(unit, sends, Terms("x"), CredentialKind.SMTP)).username is not None


async def test_networks_without_a_password_are_named_by_the_operators_people(unit: UnitOfWork, world: World) -> None:
    terms = Terms("office", networks=("192.0.2.0/24",))
    for scope in (person(world.shop), person(world.acme), await program(unit, person(world.platform), Terms("key"))):
        with pytest.raises(LiveryError) as refused:
            await made(unit, scope, terms, CredentialKind.SOURCE)
        assert (refused.value.kind, refused.value.field) == (Kind.DENIED, ("networks",))
    new = await keys.make(
        unit, person(world.platform), RING, account_id=world.shop.id, kind=CredentialKind.SOURCE, terms=terms
    )
    with pytest.raises(LiveryError) as refused:
        await keys.change(unit, person(world.shop), new.id, lambda terms: replace(terms, networks=("198.51.100.0/24",)))
    assert refused.value.field == ("networks",)
    assert (await keys.change(unit, person(world.shop), new.id, lambda t: replace(t, name="n"))).terms.name == "n"


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(""), ("name",)),
        (Terms("  "), ("name",)),
        (Terms("x" * 101), ("name",)),
        (Terms("a\r\nb"), ("name",)),
        (Terms("x", networks=("300.0.0.0/8",)), ("networks",)),
        (Terms("x", networks=("192.0.2.1/24",)), ("networks",)),
        (Terms("x", networks=("192.0.2.1/32",) * 101), ("networks",)),
        (Terms("x", limits=Limits(per_minute=-1)), ("limits", "perMinute")),
        (Terms("x", limits=Limits(per_month=2_000_000_001)), ("limits", "perMonth")),
        (Terms("x", expires_at=datetime(2020, 1, 1, tzinfo=UTC)), ("expiresAt",)),
    ],
)
async def test_bad_terms_are_refused_with_their_field_and_nothing_changes(
    unit: UnitOfWork, world: World, terms: Terms, field: tuple[str, ...]
) -> None:
    scope = person(world.shop)
    new = await made(unit, scope, Terms("good"))
    before = await unit.conn.fetch("select * from credential order by id")
    for refused in (made(unit, scope, terms), keys.change(unit, scope, new.id, lambda _: terms)):
        with pytest.raises(LiveryError) as found:
            await refused
        assert (found.value.kind, found.value.field) == (Kind.INVALID, field)
    assert await unit.conn.fetch("select * from credential order by id") == before


async def test_an_expired_key_is_good_again_with_a_later_end(world_db: Database, world: World) -> None:
    scope = person(world.shop)
    async with world_db.unit_of_work() as unit:
        end = await now(unit.conn) + timedelta(hours=1)
        new = await made(unit, scope, Terms("short", expires_at=end))
    assert await authenticate_key(world_db, RING, new.secret or "", ip="127.0.0.1") is not None
    async with world_db.unit_of_work() as unit:
        await shift(unit.conn, timedelta(hours=1))
    with pytest.raises(LiveryError) as refused:
        await authenticate_key(world_db, RING, new.secret or "", ip="127.0.0.1")
    assert (refused.value.kind, refused.value.message) == (Kind.UNAUTHENTICATED, "This API key has expired.")
    async with world_db.unit_of_work() as unit:
        await keys.change(unit, scope, new.id, lambda terms: replace(terms, expires_at=end + timedelta(hours=1)))
    assert await authenticate_key(world_db, RING, new.secret or "", ip="127.0.0.1") is not None


async def test_an_account_has_a_thousand_credentials_at_most(unit: UnitOfWork, world: World) -> None:
    scope = person(world.shop)
    spare = await made(unit, scope, Terms("spare"))
    await unit.conn.execute(
        """insert into credential (id, account_id, kind, name)
           select gen_random_uuid(), $1, 'api', 'many' from generate_series(1, $2::int - (
             select count(*) from credential where account_id = $1 and revoked_at is null)::int)""",
        world.shop.id,
        keys.MOST,
    )
    with pytest.raises(LiveryError) as refused:
        await made(unit, scope, Terms("one more"))
    assert (refused.value.kind, refused.value.code) == (Kind.EXHAUSTED, "TOO_MANY")
    await keys.revoke(unit, scope, spare.id)
    assert (await made(unit, scope, Terms("one more"))).secret is not None
