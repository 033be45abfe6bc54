"""What do credits and limits cost where mail comes in? The same intake without any check of them, charged, and with limits.

    python -m bench.credits [--rounds 5] [--messages 2000]

One process, one database, 100 submissions of 4 KB at a time; the ways alternate within each round, so that a change in
what else the machine does meets them all.

    unchecked   the platform's own mail, and the read before it asks only for what is asked without credits too: whether
                the sender is suspended, whose the From domain is, whether the credential is in force
    free        the same mail by the product's own read, which looks at credits and limits too; neither charged nor counted
    charged     mail of an account with credits of its own
    limited     a monthly limit at the account and at its parent's, whose pool it spends
    rated       the same, by a credential with limits of its own for a minute, an hour, a day and a month

Costs are against "unchecked". Through a whole door they are smaller: SMTP and TLS come on top of all ways alike.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence

import uvloop

from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Connection, Database, open_database
from mail import admission
from mail.admission import Applicant, Decision
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from tenants.authentication import IN_FORCE
from tenants.credentials import create_credential
from tenants.models import AccountKind, CredentialKind
from tenants.rates import Limits
from tenants.scope import Scope
from tenants.states import Use, blocked
from tenants.tree import create_account
from tests.support.databases import WORLD_TEMPLATE, make_template, make_world_template
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.world import SECRET_KEY, find

_AT_ONCE = 100
_BODY = b"x" * 76 + b"\r\n"
_LIMITS = Limits(per_minute=10**9, per_hour=10**9, per_day=10**9, per_month=10**9)
_decide = admission.decide


def main() -> None:
    """Measure and print a line for each way."""
    parser = argparse.ArgumentParser(prog="bench.credits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000)
    wanted = parser.parse_args()
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        asyncio.run(_measure(server.url(server.create(WORLD_TEMPLATE)), wanted), loop_factory=uvloop.new_event_loop)
    finally:
        server.remove()


async def _measure(url: str, wanted: argparse.Namespace) -> None:
    db = await open_database(url, size=4)
    try:
        world = await find(db)
        async with db.unit_of_work() as unit:
            limited = await create_account(
                unit, slug="limited", name="L", kind=AccountKind.SUB_ACCOUNT, parent_slug="acme.test", shares_pool=True
            )
            await unit.conn.execute(
                "update account set monthly_limit = 1000000 where id = any ($1::uuid[])", [limited, world.acme.id]
            )
            rated = await create_credential(
                unit.conn, Keyring(SECRET_KEY), account_id=limited, kind=CredentialKind.API, name="R", limits=_LIMITS
            )
        shop, pooled = Scope(world.shop.id), Scope(limited)
        ways = {
            "unchecked": (shop, True),
            "free": (shop, True),
            "charged": (shop, False),
            "limited": (pooled, False),
            "rated": (Scope(limited, credential_id=rated.id), False),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        for way in ways:
            await _run(db, way, *ways[way], 300)
        for round_ in range(wanted.rounds):
            # The order turns, so that none always follows the same one.
            turn = round_ % len(ways)
            for way in [*ways][turn:] + [*ways][:turn]:
                rates[way].append(await _run(db, way, *ways[way], wanted.messages))
        base = statistics.median(rates["unchecked"])
        for way, found in rates.items():
            middle = statistics.median(found)
            told = " ".join(f"{rate:.0f}" for rate in found)
            print(f"{way:9} {middle:6.0f} messages/s  {100 * (1 - middle / base):+5.1f} % cost   ({told})")
    finally:
        await db.close()


_SENDER = f"""
with verified as materialized (
  select name, account_id from domain_owners($2::text[])
)
select s.id, s.lineage, {blocked(Use.SUBMISSION, "s.lineage")} as barred,
       array(select name::text from verified) as names, array(select account_id from verified) as owners,
       array(select id from unnest(array(select unnest($3::uuid[]))) as k (id)
              where not exists (select from credential c where c.id = k.id and {IN_FORCE})) as lapsed
  from account s where s.id = any (array(select unnest($1::uuid[])))
"""


async def _unchecked(conn: Connection, applicants: Sequence[Applicant]) -> Decision:
    """What `mail.admission` would ask if there were no credits and no limits."""
    domains = {domain for applicant in applicants for domain in applicant.from_domains}
    await conn.fetch(
        _SENDER,
        sorted({applicant.account_id for applicant in applicants}),
        sorted(domains),
        sorted({applicant.credential_id for applicant in applicants if applicant.credential_id is not None}),
    )
    return Decision({}, {}, ())


async def _run(db: Database, way: str, scope: Scope, notice: bool, messages: int) -> float:
    admission.decide = _unchecked if way == "unchecked" else _decide
    intake = Intake(db, Bell(""))
    submission = Submission(
        envelope=Envelope("a@nobody.example", (EnvelopeRecipient("r@far.test"),)),
        content=b"From: a@nobody.example\r\nSubject: bench\r\n\r\n" + _BODY * 52,
        door="smtp",
        trace="by bench",
        notice=notice,
    )
    left = messages

    async def sender() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await intake.accept(scope, submission)

    started = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(_AT_ONCE)))
    seconds = time.perf_counter() - started
    await intake.close()
    return messages / seconds


if __name__ == "__main__":
    main()
