"""The second wall around mail (docs/decisions/0007; tenants/migrations/0003_walls.py has the way of it). Open, with nobody's rows:

    ledger_epoch   one row, the present epoch; the API reads it only
    fold_position  one row, how far the ledger has been counted; closed to the API, the clock alone counts
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

_SEEN = "((select sees_all()) or account_id in (select id from seen_accounts() as id))"


def _walled(table: str, condition: str, check: str | None = None) -> list[str]:
    return [
        f"alter table {table} enable row level security",
        f"create policy own on {table} using ({condition}) with check ({check or condition})",
    ]


class Migration(migrations.Migration):
    dependencies = [("mail", "0001_initial"), ("tenants", "0003_walls")]

    initial = False

    operations = [
        ops.RunSQL(
            [
                *[
                    step
                    for table in ("attempt", "domain", "event", "message", "recipient", "standing", "tally")
                    for step in _walled(table, _SEEN)
                ],
                # A body is written by the same statement as its message, which cannot see it yet: who may write one is
                # whoever submits mail (kit.db: `spends`), and never in the place of one that is there.
                *_walled(
                    "body",
                    "exists (select from message p where p.id = body.message_id)",
                    "(select livery_spends()) is not null",
                ),
                *_walled("dkim_key", "exists (select from domain p where p.id = dkim_key.domain_id)"),
                *_walled("domain_host", "exists (select from domain p where p.id = domain_host.domain_id)"),
                *_walled("returned_mail", "exists (select from recipient p where p.id = returned_mail.recipient_id)"),
                # What is held, by why and for whom: it is released by account when the cause has gone.
                "create index idx_recipient_held_for on recipient (cause, account_id, id) where state = 'held'",
                # Nobody can send as somebody else's domain, so whoever submits must learn that it is somebody's.
                """create function domain_owners(names text[]) returns table (name text, account_id uuid)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select name::text, account_id from domain where name = any (names) and verified_at is not null $$""",
            ],
            reverse_sql="",
        ),
    ]
