"""Is a credential's limit exact when hundreds send at once, through two processes' ways in, while credits run out too?"""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Database
from kit.errors import Kind, LiveryError
from mail import stats
from mail.intake import Intake
from tenants.credentials import create_credential
from tenants.models import CredentialKind
from tenants.rates import Limits
from tenants.scope import Scope
from tests.mail.conftest import submission
from tests.support import laws
from tests.support.credits import leave
from tests.support.world import SECRET_KEY, Tenant, World


async def limited(db: Database, tenant: Tenant, limits: Limits) -> Scope:
    """A program of the tenant's with limits."""
    async with db.connection() as conn:
        made = await create_credential(
            conn, Keyring(SECRET_KEY), account_id=tenant.id, kind=CredentialKind.API, name="limited", limits=limits
        )
    return Scope(tenant.id, credential_id=made.id)


async def say(intake: Intake, scope: Scope, recipients: int) -> tuple[str, int]:
    """The code of a refusal or "taken", and how many recipients it was about."""
    try:
        await intake.accept(scope, submission(*(f"r{n}@x.test" for n in range(recipients)), sender="user@acme.test"))
    except LiveryError as refused:
        return refused.code, recipients
    return "taken", recipients


async def used(db: Database, credential: UUID | None) -> int:
    """Recipients that were stored for a credential."""
    async with db.connection() as conn:
        found: int = await conn.fetchval(
            "select coalesce(sum(recipient_count), 0) from message where credential_id = $1", credential
        )
    return found


async def test_two_hundred_at_once_get_exactly_what_is_allowed(
    world_db: Database, world: World, bell: Bell, intake: Intake
) -> None:
    scope = await limited(world_db, world.shop, Limits(per_month=50))
    other = Intake(world_db, bell)
    said = await asyncio.gather(*(say((intake, other)[n % 2], scope, 1) for n in range(200)))
    await other.close()
    assert Counter(code for code, _ in said) == {"taken": 50, "RATE_LIMITED": 150}
    assert await used(world_db, scope.credential_id) == 50


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_messages_of_several_recipients_are_taken_whole_or_not_while_credits_run_out(
    world_db: Database, world: World, bell: Bell, intake: Intake, seed: int
) -> None:
    # Four programs of two accounts, each with a limit; one account has fewer credits than its programs may send.
    rng = random.Random(seed)
    async with world_db.transaction() as conn:
        await leave(conn, world.shop.id, 60)
    scopes = [
        *[await limited(world_db, world.shop, Limits(per_month=50, per_day=45)) for _ in range(2)],
        *[await limited(world_db, world.cafe, Limits(per_month=40)) for _ in range(2)],
    ]
    other = Intake(world_db, bell)
    asked = [(scope, rng.randint(1, 5)) for scope in scopes for _ in range(50)]
    rng.shuffle(asked)
    said = await asyncio.gather(
        *(say((intake, other)[n % 2], scope, recipients) for n, (scope, recipients) in enumerate(asked))
    )
    await other.close()
    assert {code for code, _ in said} <= {"taken", "RATE_LIMITED", "NO_CREDITS"}
    for scope, most in zip(scopes, (45, 45, 40, 40), strict=True):
        taken = sum(n for (who, _), (code, n) in zip(asked, said, strict=True) if who == scope and code == "taken")
        assert taken == await used(world_db, scope.credential_id) <= most
        if scope.account_id == world.cafe.id:  # only its limit holds it back, and only a message too long for the rest
            assert taken > most - 5
    shop = sum(await asyncio.gather(*(used(world_db, scope.credential_id) for scope in scopes[:2])))
    assert 55 < shop <= 60
    while await stats.fold(world_db):
        pass
    async with world_db.connection() as conn:
        await laws.check(conn)


async def test_mail_of_a_credential_that_has_ended_is_not_taken(
    world_db: Database, world: World, intake: Intake
) -> None:
    scope = await limited(world_db, world.shop, Limits())
    assert await say(intake, scope, 1) == ("taken", 1)
    for column in ("revoked_at", "disabled_at", "expires_at"):
        async with world_db.connection() as conn:
            await conn.execute(f"update credential set {column} = livery_now() where id = $1", scope.credential_id)
        with pytest.raises(LiveryError) as refused:
            await intake.accept(scope, submission("a@x.test"))
        assert (refused.value.kind, refused.value.code) == (Kind.UNAUTHENTICATED, "KEY_REFUSED")
        # Its neighbours in the batch are taken.
        assert await say(intake, replace(scope, credential_id=None), 1) == ("taken", 1)
        async with world_db.connection() as conn:
            await conn.execute(f"update credential set {column} = null where id = $1", scope.credential_id)
    assert await used(world_db, scope.credential_id) == 1
