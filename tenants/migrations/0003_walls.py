"""The second wall (docs/decisions/0007): which rows of each table a transaction may see and write that says on whose behalf.

Owners and `livery_worker` stand on the inner side; everybody else sees the subtrees of `livery_scope()`, and nothing where
that is empty. `kit.db` sets it; each policy looks it up once a query, however many rows it judges.

Open, because they hold nobody's rows:

    attempts             counters of failed tries by address and name, kept before anybody is known
    rate_use             counters by credential id, kept beside the charge
    clock_shift          one row, the platform's clock; the API reads it only
    tortoise_migrations  names of migrations; the API reads it only
"""

from tortoise import migrations
from tortoise.migrations import operations as ops

# The operator stands above everybody, so for it no account is looked up: each query would gather and hash them all first.
_SEEN = "((select sees_all()) or {} in (select id from seen_accounts() as id))"


def _walled(table: str, condition: str) -> list[str]:
    return [
        f"alter table {table} enable row level security",
        f"create policy own on {table} using ({condition}) with check ({condition})",
    ]


def _own(*tables: str) -> list[str]:
    return [step for table in tables for step in _walled(table, _SEEN.format("account_id"))]


def _through(parent: str, column: str, *tables: str) -> list[str]:
    # The parent's own policy decides: what is not seen is not there.
    return [
        step
        for table in tables
        for step in _walled(table, f"exists (select from {parent} p where p.id = {table}.{column})")
    ]


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_tenancy")]

    initial = False

    operations = [
        ops.RunSQL(
            [
                # What a policy hashes once a query. As the owner: otherwise the policy of account would be planned into
                # that of every other table, which costs milliseconds a query and leaves the planner guessing.
                """create function seen_accounts() returns setof uuid
                   language plpgsql stable security definer rows 500 set search_path = public, pg_temp
                   as $$ begin return query select id from account where lineage && livery_scope(); end $$""",
                """create function sees_all() returns boolean
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select exists (select from account where id = any (livery_scope()) and kind = 'operator') $$""",
                # What `Scope.see` reads: the tree and no names, as far as the transaction sees. Not by policy but by a
                # function the planner makes no guess about, so that it plans by what the filter asks for.
                """create view seen_account as
                   select id, lineage, deleted_at from account
                    where arrayoverlap(lineage, (select livery_scope())) or not (select row_security_active('account'))""",
                # By the row itself: a policy of account that read account would read itself for ever.
                *_walled("account", "lineage && (select livery_scope())"),
                *_own(
                    "account_host", "audit_entry", "balance", "credential", "credit_alert", "credit_entry",
                    "credit_grant", "invitation", "member", "month_use", "plan", "plan_order",
                ),
                *_through("member", "member_id", "password_reset", "recovery_code", "session"),
                *_walled("sign_up", _SEEN.format("brand_id")),
                # Addresses of nobody's own are the operator's.
                *_walled("source", _SEEN.format("account_id")),
                # Who submits mail is bound by what stands above, and may spend a pool that is there: to be read and
                # charged only in the transactions of mail.intake, which alone set it (kit.db: `spends`).
                "create policy line on account for select using (id = any ((select livery_spends())::uuid[]))",
                *[
                    f"""create policy line on {table} using (account_id = any ((select livery_spends())::uuid[]))
                          with check (account_id = any ((select livery_spends())::uuid[]))"""
                    for table in ("balance", "credit_entry", "credit_grant", "month_use")
                ],
                # The pool that an account shares is its own to look at.
                *[
                    f"""create policy shared on {table} for select using (
                          account_id in (select pool_id from account where id in (select id from seen_accounts() as id)))"""
                    for table in ("balance", "credit_grant")
                ],
                # What is offered to an account by those above it: their plans, their addresses and everybody's.
                """create policy offered on plan for select using (
                     account_id in (select unnest(lineage) from account where id = any ((select livery_scope())::uuid[])))""",
                """create policy offered on source for select using (
                     (select livery_scope()) is not null and (account_id is null or account_id in (
                       select unnest(lineage) from account where id = any ((select livery_scope())::uuid[]))))""",
                # What lies above accounts, for `livery.line`.
                """create function livery_line(accounts text) returns text
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select coalesce(string_agg(distinct above::text, ','), '') from account, unnest(lineage) above
                          where id = any (string_to_array(nullif(accounts, ''), ',')::uuid[]) $$""",
                # Before anybody is known: whose is what was shown? An id, and nothing else.
                """create function account_of(proof text, shown text) returns uuid
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select case proof
                     when 'member' then (select account_id from member where email = shown)
                     when 'session' then (select m.account_id from session s join member m on m.id = s.member_id where s.id = shown)
                     when 'key' then (select account_id from credential where kind = 'api' and secret_hash = decode(shown, 'hex'))
                     when 'invitation' then (select account_id from invitation where token_hash = shown)
                     when 'reset' then (select m.account_id from password_reset r join member m on m.id = r.member_id
                                         where r.token_hash = shown)
                     when 'sign_up' then (select brand_id from sign_up where token_hash = shown)
                     when 'host' then (select account_id from account_host where host = shown)
                   end $$""",
                # Whose face each host shows: held in memory by every API process, shown to strangers by design.
                """create function host_brands() returns table (host text, account_id uuid, name text, color text, sign_up boolean)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select h.host, a.id, b.brand_name, b.brand_color,
                                a.sign_up_open and a.may_resell and account_state(a.lineage) = 'active'
                           from account_host h
                           join account a on a.id = h.account_id
                           join lateral (
                             select p.brand_name, p.brand_color from account p
                              where p.id = any (a.lineage) and p.brand_name is not null
                              order by cardinality(p.lineage) desc limit 1
                           ) b on true
                          where a.deleted_at is null $$""",
                # Whether one account is above the other, or both are the same: asked at login, of a host's brand.
                """create function of_one_line(one uuid, other uuid) returns boolean
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select exists (select from account a join account b on a.lineage @> array[b.id] or b.lineage @> array[a.id]
                                         where a.id = one and b.id = other) $$""",
            ],
            reverse_sql="",
        ),
    ]
