from tortoise import migrations
from tortoise.migrations import operations as ops
import functools
from json import dumps, loads
from tenants.models.account import WhenSpent
from tenants.models.member import Role
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.fields.db_defaults import SqlDefault
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('tenants', '0001_initial')]

    initial = False

    operations = [
        ops.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField(description='Whose thing was changed: its account and those above see the entry')),
                ('at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('member_id', fields.UUIDField(null=True, description='Who did it; null: a program or the platform')),
                ('credential_id', fields.UUIDField(null=True, description="The program's key")),
                ('home_id', fields.UUIDField(null=True, description='The account of whoever did it')),
                ('entered', fields.BooleanField(description='By a member from above who had entered the account ("log in as")', db_default=False)),
                ('ip', fields.CharField(null=True, max_length=45)),
                ('action', fields.CharField(description='account.suspend, credential.create, …', max_length=60)),
                ('target', fields.CharField(null=True, description='The id of what was changed', max_length=100)),
                ('changes', fields.JSONField(description='{"name": ["before", "after"]}, secrets left out', encoder=functools.partial(dumps, separators=(',', ':')), decoder=loads)),
            ],
            options={'table': 'audit_entry', 'app': 'tenants', 'indexes': [Index(fields=['account_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One change; never updated, never deleted but with its account. Holds no secret.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CreditAlert',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='alerts', on_delete=OnDelete.CASCADE)),
                ('threshold', fields.BigIntField()),
                ('remaining', fields.BigIntField()),
                ('crossed_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('cleared_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'credit_alert', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'A balance fell below what its account wants to be told of; open until it has risen again.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Invitation',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='invitations', on_delete=OnDelete.CASCADE)),
                ('email', fields.CharField(max_length=254)),
                ('role', fields.CharEnumField(description='OWNER: owner\nADMIN: admin\nSENDER: sender\nANALYST: analyst\nBILLING: billing', enum_type=Role, max_length=8)),
                ('token_hash', fields.CharField(unique=True, description='SHA-256, in hex', max_length=64)),
                ('invited_by', fields.UUIDField(null=True)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('accepted_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'invitation', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'A link by which a person becomes a member.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='MonthUse',
            fields=[
                ('account_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('period', fields.DateField(description="The first of the month, in the account's time zone")),
                ('used', fields.BigIntField(db_default=0)),
            ],
            options={'table': 'month_use', 'app': 'tenants', 'pk_attr': 'account_id', 'table_description': 'What an account with a monthly limit has spent in its present month.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PasswordReset',
            fields=[
                ('token_hash', fields.CharField(primary_key=True, unique=True, db_index=True, description='SHA-256, in hex', max_length=64)),
                ('member', fields.ForeignKeyField('tenants.Member', source_field='member_id', db_constraint=True, to_field='id', related_name='resets', on_delete=OnDelete.CASCADE)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'password_reset', 'app': 'tenants', 'pk_attr': 'token_hash', 'table_description': 'A link by which a member chooses a new password, once.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Plan',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', description='Who sells it', db_constraint=True, to_field='id', related_name='plans', on_delete=OnDelete.CASCADE)),
                ('name', fields.CharField(max_length=100)),
                ('credits', fields.BigIntField()),
                ('monthly', fields.BooleanField(description='Granted every month while it runs', db_default=False)),
                ('valid_days', fields.IntField(description='How long its credits are good', db_default=365)),
                ('dedicated_ip', fields.BooleanField(db_default=False)),
                ('price_cents', fields.BigIntField(db_default=0)),
                ('currency', fields.CharField(db_default='EUR', max_length=3)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('archived_at', fields.DatetimeField(null=True, description='No longer sold', auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'plan', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'What an account sells to those below it: credits, once or every month, or an address of their own.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CreditGrant',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='grants', on_delete=OnDelete.CASCADE)),
                ('amount', fields.BigIntField()),
                ('remaining', fields.BigIntField()),
                ('is_open', fields.BooleanField(description='Something is left of it; what indexes ask', db_default=False)),
                ('expires_at', fields.DatetimeField(null=True, description='Null: never', auto_now=False, auto_now_add=False)),
                ('origin', fields.ForeignKeyField('tenants.CreditGrant', source_field='origin_id', null=True, description="The parent's grant it was handed down from", db_constraint=True, to_field='id', related_name='handed_down', on_delete=OnDelete.SET_NULL)),
                ('plan', fields.ForeignKeyField('tenants.Plan', source_field='plan_id', null=True, db_constraint=True, to_field='id', related_name='grants', on_delete=OnDelete.SET_NULL)),
                ('period', fields.DateField(null=True, description='The month that a monthly plan was granted for')),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'credit_grant', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'Credits given at one time, good until a day. The earliest to expire is spent first.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='PlanOrder',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', description='Who buys', db_constraint=True, to_field='id', related_name='orders', on_delete=OnDelete.CASCADE)),
                ('plan', fields.ForeignKeyField('tenants.Plan', source_field='plan_id', db_constraint=True, to_field='id', related_name='orders', on_delete=OnDelete.RESTRICT)),
                ('state', fields.CharField(description='open, fulfilled, cancelled', db_default='open', max_length=10)),
                ('payment_reference', fields.CharField(null=True, max_length=200)),
                ('ordered_by', fields.UUIDField(null=True)),
                ('fulfilled_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('ends_at', fields.DatetimeField(null=True, description='A monthly plan is not granted after this', auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'plan_order', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'An account asks its parent for a plan; the parent, or its payment provider, fulfils it.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RateUse',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, description='credential|window', max_length=60)),
                ('used', fields.IntField()),
                ('most', fields.IntField(description='Recipients that its credential may have in the window')),
                ('window_ends_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'rate_use', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'How much a credential has sent in its present minute, hour, day, month. Unlogged: a crash forgives.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('member', fields.ForeignKeyField('tenants.Member', source_field='member_id', db_constraint=True, to_field='id', related_name='recovery_codes', on_delete=OnDelete.CASCADE)),
                ('code_hash', fields.BinaryField(description='Keyed hash')),
                ('used_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'recovery_code', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'Opens an account once when the second factor is lost.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='SignUp',
            fields=[
                ('token_hash', fields.CharField(primary_key=True, unique=True, db_index=True, description='SHA-256, in hex', max_length=64)),
                ('brand', fields.ForeignKeyField('tenants.Account', source_field='brand_id', description='On whose host', db_constraint=True, to_field='id', related_name='sign_ups', on_delete=OnDelete.CASCADE)),
                ('email', fields.CharField(max_length=254)),
                ('name', fields.CharField(max_length=200)),
                ('company', fields.CharField(max_length=200)),
                ('password_hash', fields.CharField(max_length=200)),
                ('referral_code', fields.CharField(null=True, max_length=40)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('confirmed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'sign_up', 'app': 'tenants', 'pk_attr': 'token_hash', 'table_description': 'A stranger who wants an account and has not confirmed the address yet.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Source',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('name', fields.CharField(max_length=100)),
                ('ip', fields.CharField(unique=True, max_length=45)),
                ('hostname', fields.CharField(description='Its PTR, said at EHLO', max_length=253)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', null=True, description="Whose subtree alone may use it; null: everybody's", db_constraint=True, to_field='id', related_name='dedicated_sources', on_delete=OnDelete.SET_NULL)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'source', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'An address that mail leaves from.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Account',
            name='alert_below',
            field=fields.BigIntField(null=True, description='Credits below which somebody wants to know'),
        ),
        ops.AddField(
            model_name='Account',
            name='deleted_at',
            field=fields.DatetimeField(null=True, description='For ever; what is left of it is purged by a job', auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Account',
            name='may_resell',
            field=fields.BooleanField(description='May have accounts below itself', db_default=False),
        ),
        ops.AddField(
            model_name='Account',
            name='monthly_limit',
            field=fields.BigIntField(null=True, description='Credits it may spend in a month of its time zone'),
        ),
        ops.AddField(
            model_name='Account',
            name='payment_secret',
            field=fields.BinaryField(null=True, description='Sealed: what its payment provider signs with'),
        ),
        ops.AddField(
            model_name='Account',
            name='privacy_url',
            field=fields.CharField(null=True, description="Its privacy policy; null: the parent's", max_length=500),
        ),
        ops.AddField(
            model_name='Account',
            name='purged_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Account',
            name='referral_code',
            field=fields.CharField(null=True, unique=True, description='Brings it sign-ups', max_length=40),
        ),
        ops.AddField(
            model_name='Account',
            name='referred_by',
            field=fields.ForeignKeyField('tenants.Account', source_field='referred_by_id', null=True, db_constraint=True, to_field='id', related_name='referrals', on_delete=OnDelete.SET_NULL),
        ),
        ops.AddField(
            model_name='Account',
            name='sign_up_open',
            field=fields.BooleanField(description='Strangers may sign up on its hosts', db_default=False),
        ),
        ops.AddField(
            model_name='Account',
            name='sign_up_plan',
            field=fields.ForeignKeyField('tenants.Plan', source_field='sign_up_plan_id', null=True, description='What they start with', db_constraint=True, to_field='id', related_name='starters', on_delete=OnDelete.SET_NULL),
        ),
        ops.AddField(
            model_name='Account',
            name='source',
            field=fields.ForeignKeyField('tenants.Source', source_field='source_id', null=True, description="Where its mail leaves from; null: as the parent's", db_constraint=True, to_field='id', related_name='senders', on_delete=OnDelete.SET_NULL),
        ),
        ops.AddField(
            model_name='Account',
            name='when_spent',
            field=fields.CharEnumField(description='REJECT: reject\nHOLD: hold\nQUEUE: queue', db_default='reject', enum_type=WhenSpent, max_length=6),
        ),
        ops.AddField(
            model_name='Credential',
            name='created_by',
            field=fields.UUIDField(null=True, description='The member who made it'),
        ),
        ops.AddField(
            model_name='Credential',
            name='disabled_at',
            field=fields.DatetimeField(null=True, description='Switched off; can be switched on again', auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Credential',
            name='expires_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Credential',
            name='last_used_at',
            field=fields.DatetimeField(null=True, description='To the minute', auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Credential',
            name='last_used_ip',
            field=fields.CharField(null=True, max_length=45),
        ),
        ops.AddField(
            model_name='Credential',
            name='per_day',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='Credential',
            name='per_hour',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='Credential',
            name='per_minute',
            field=fields.IntField(null=True, description='Recipients; null: no limit of its own'),
        ),
        ops.AddField(
            model_name='Credential',
            name='per_month',
            field=fields.IntField(null=True),
        ),
        ops.AddField(
            model_name='Credential',
            name='permissions',
            field=ArrayField(null=True, description='tenants.permissions; null: what its kind is for', element_type='TEXT'),
        ),
        ops.AddField(
            model_name='Credential',
            name='prefix',
            field=fields.CharField(null=True, description="The secret's beginning, for people to tell keys apart", max_length=16),
        ),
        ops.AlterField(
            model_name='CreditEntry',
            name='reason',
            field=fields.CharField(description='grant, message, refund, expired, …: tenants.credits', max_length=20),
        ),
        ops.AddField(
            model_name='CreditEntry',
            name='actor_id',
            field=fields.UUIDField(null=True, description='The member who did it'),
        ),
        ops.AddField(
            model_name='CreditEntry',
            name='counterpart_id',
            field=fields.UUIDField(null=True, description='The account it was handed to or came from'),
        ),
        ops.AddField(
            model_name='CreditEntry',
            name='grant_id',
            field=fields.UUIDField(null=True, description='The grant it took from or gave to'),
        ),
        ops.AddField(
            model_name='CreditEntry',
            name='spender_id',
            field=fields.UUIDField(null=True, description='The account that sent it, where another one paid'),
        ),
        ops.AddField(
            model_name='Member',
            name='last_seen_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Member',
            name='role',
            field=fields.CharEnumField(description='OWNER: owner\nADMIN: admin\nSENDER: sender\nANALYST: analyst\nBILLING: billing', db_default='owner', enum_type=Role, max_length=8),
        ),
        ops.AddField(
            model_name='Member',
            name='totp_confirmed_at',
            field=fields.DatetimeField(null=True, description='From then on a code is asked for', auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Member',
            name='totp_secret',
            field=fields.BinaryField(null=True, description='Sealed; null: no second factor was begun'),
        ),
        ops.AddField(
            model_name='Member',
            name='totp_step',
            field=fields.BigIntField(null=True, description='The last time step that was used: a code is good once'),
        ),
        ops.AddField(
            model_name='Session',
            name='acts_for',
            field=fields.ForeignKeyField('tenants.Account', source_field='acts_for_id', null=True, description='The account below that the member has entered ("log in as"); null: its own', db_constraint=True, to_field='id', related_name='visits', on_delete=OnDelete.CASCADE),
        ),
        ops.AddField(
            model_name='Session',
            name='last_seen_at',
            field=fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Session',
            name='public_id',
            field=fields.UUIDField(unique=True, description='Names it in lists', db_default=SqlDefault('gen_random_uuid()')),
        ),
        ops.AddField(
            model_name='Session',
            name='user_agent',
            field=fields.CharField(db_default='', max_length=300),
        ),
        ops.RunSQL(
            [
                "update account set may_resell = true where kind in ('operator', 'reseller')",
                "alter table account add constraint account_limits_are_amounts check (monthly_limit >= 0 and alert_below >= 0)",
                "alter table credit_grant add constraint grant_amount_is_positive check (amount > 0)",
                "alter table credit_grant add constraint grant_never_negative check (remaining between 0 and amount)",
                "alter table credit_grant add constraint grant_open_while_something_is_left check (is_open = (remaining > 0))",
                # What is spent next, and what expires next. Not by "remaining > 0": each charge changes that column, and an
                # update of a column that no index names is cheap (HOT), given room on the page.
                "create index idx_credit_grant_open on credit_grant (account_id, expires_at, id) where is_open",
                "create index idx_credit_grant_expiry on credit_grant (expires_at) where is_open",
                "alter table credit_grant set (fillfactor = 50)",
                "create index idx_credit_grant_origin on credit_grant (origin_id) where origin_id is not null",
                # What a message was charged, for its refund.
                "create index idx_credit_entry_message on credit_entry (message_id) where message_id is not null",
                # A monthly plan is granted once a month, however often the job runs.
                "create unique index uid_credit_grant_period on credit_grant (account_id, plan_id, period) where period is not null",
                # Balances from before there were grants become one grant each.
                """insert into credit_grant (id, account_id, amount, remaining, is_open, expires_at)
                   select gen_random_uuid(), account_id, remaining, remaining, true, livery_now() + interval '1 year'
                     from balance where remaining > 0""",
                "alter table month_use add foreign key (account_id) references account (id) on delete cascade",
                "alter table plan add constraint plan_is_sound check (credits >= 0 and price_cents >= 0 and valid_days > 0)",
                "alter table plan_order add constraint plan_order_states check (state in ('open', 'fulfilled', 'cancelled'))",
                # Two sellers' providers may use the same references; one seller's orders are taken one at a time.
                "create unique index uid_plan_order_payment on plan_order (plan_id, payment_reference) where payment_reference is not null",
                "create index idx_plan_account on plan (account_id, id)",
                "create index idx_plan_order_account on plan_order (account_id, id)",
                "create index idx_credit_alert_account on credit_alert (account_id, id)",
                "create unique index uid_credit_alert_open on credit_alert (account_id) where cleared_at is null",
                """create unique index uid_invitation_open on invitation (account_id, email)
                    where accepted_at is null and revoked_at is null""",
                # How an account stands, the accounts above it included, which row-level security hides from it
                # (tenants.states has the words).
                """create function account_state(path uuid[]) returns text
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select case when bool_or(deleted_at is not null) then 'deleted'
                                     when bool_or(suspended_at is not null and id = path[cardinality(path)]) then 'suspended'
                                     when bool_or(suspended_at is not null) then 'suspended_above'
                                     else 'active' end
                           from account where id = any (path) $$""",
                # What an account may spend: of a pool above it, row-level security would show nothing. The API's role is
                # told about accounts that it sees.
                """create function account_credits(account_id uuid) returns bigint
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select coalesce((select b.remaining from account a join balance b on b.account_id = coalesce(a.pool_id, a.id)
                           where a.id = $1 and (session_user <> 'livery_api'
                                 or a.lineage && string_to_array(current_setting('livery.account', true), ',')::uuid[])), 0) $$""",
                # In whose name the people of an account are written to: brand and host stand above it, out of its sight. The
                # API's role is told about accounts that it sees.
                """create function letterhead(account_id uuid) returns table (owner_id uuid, brand text, host text)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select b.id, case when b.parent_id is not null then b.brand_name end,
                                (select h.host from account_host h join account o on o.id = h.account_id
                                  where o.id = any (a.lineage)
                                  order by cardinality(o.lineage) desc, h.created_at, h.host limit 1)
                           from account a
                           join lateral (select p.* from account p
                                          where p.id = any (a.lineage) and (p.brand_name is not null or p.parent_id is null)
                                          order by cardinality(p.lineage) desc limit 1) b on true
                          where a.id = $1 and (session_user <> 'livery_api' or a.lineage && livery_scope()) $$""",
                # Who is credited with a sign-up; and what came of the sign-ups of some partners, by month of their zones:
                # sums over accounts that a partner does not see. The API's role is told about partners that it sees.
                """create function account_by_referral(code text) returns uuid
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select id from account where referral_code = code and deleted_at is null $$""",
                """create function operator_account() returns uuid
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select id from account where kind = 'operator' order by created_at limit 1 $$""",
                """create function partner_months(partners uuid[])
                   returns table (partner_id uuid, month date, sign_ups bigint, sent bigint)
                   language plpgsql stable security definer set search_path = public, pg_temp
                   as $$ begin return query
                     with partner as (
                       select p.id, p.time_zone from account p
                        where p.id = any (partners) and (session_user <> 'livery_api'
                              or p.lineage && string_to_array(current_setting('livery.account', true), ',')::uuid[])
                     ), brought as (
                       select a.id, a.created_at, p.id as partner, p.time_zone as zone
                         from partner p join account a on a.referred_by_id = p.id
                     ), counted as (
                       select b.partner, date_trunc('month', b.created_at at time zone b.zone)::date as began, 1::bigint as one,
                              0::bigint as mails from brought b
                       union all
                       select b.partner, date_trunc('month', t.starts_at at time zone b.zone)::date, 0, t.total
                         from brought b join account c on c.lineage @> array[b.id] join tally t on t.account_id = c.id
                     )
                     select c.partner, c.began, sum(c.one)::bigint, sum(c.mails)::bigint
                       from counted c group by c.partner, c.began order by c.began desc, c.partner;
                   end $$""",
                "create index idx_account_parent on account (parent_id, id)",
                "create index idx_account_referred_by on account (referred_by_id) where referred_by_id is not null",
                "create index idx_account_purge on account (deleted_at) where deleted_at is not null and purged_at is null",
                # How much was sent this minute is forgotten by a crash; counting costs no WAL.
                "alter table rate_use set unlogged",
                # Whoever would exceed a limit fails the whole statement that counts and stores.
                "alter table rate_use add constraint rate_never_exceeded check (used between 0 and most)",
                """alter table credential add constraint credential_limits_are_amounts
                   check (per_minute >= 0 and per_hour >= 0 and per_day >= 0 and per_month >= 0)""",
                "create index idx_credential_account on credential (account_id, id)",
                # A key is found by its hash, a source among the sources only.
                "create unique index uid_credential_key on credential (secret_hash) where kind = 'api'",
                "create index idx_credential_source on credential (id) where kind = 'source' and revoked_at is null",
            ],
            reverse_sql="",
        ),
    ]
