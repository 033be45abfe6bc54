from uuid import uuid4

from tortoise import fields, migrations
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import OnDelete
from tortoise.fields.db_defaults import SqlDefault
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from tenants.models.account import AccountKind
from tenants.models.credential import CredentialKind


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Account',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('slug', fields.CharField(unique=True, description='Its name in commands and URLs: acme.test', max_length=100)),
                ('name', fields.CharField(description='What people call it', max_length=200)),
                ('kind', fields.CharEnumField(description='OPERATOR: operator\nRESELLER: reseller\nSUB_ACCOUNT: sub_account', enum_type=AccountKind, max_length=12)),
                ('parent', fields.ForeignKeyField('tenants.Account', source_field='parent_id', null=True, db_constraint=True, to_field='id', related_name='children', on_delete=OnDelete.RESTRICT)),
                ('lineage', ArrayField(description="Its ancestors' ids from the root down, its own last: the subtree's key", element_type='UUID')),
                ('pool', fields.ForeignKeyField('tenants.Account', source_field='pool_id', null=True, description='The account above whose balance it spends; null: its own', db_constraint=True, to_field='id', related_name='sharers', on_delete=OnDelete.RESTRICT)),
                ('time_zone', fields.CharField(description='IANA name; days of its charts begin there', db_default='UTC', max_length=64)),
                ('brand_name', fields.CharField(null=True, description="Shown to its subtree; null: the parent's", max_length=100)),
                ('brand_color', fields.CharField(null=True, description="#rrggbb; null: the parent's", max_length=7)),
                ('suspended_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('suspended_reason', fields.TextField(null=True, unique=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'account', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'An operator, a reseller or a sub-account. Suspended: no login to send, no submission, queued mail waits.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='AccountHost',
            fields=[
                ('host', fields.CharField(primary_key=True, unique=True, db_index=True, description='Lower case, without port', max_length=253)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='hosts', on_delete=OnDelete.CASCADE)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'account_host', 'app': 'tenants', 'pk_attr': 'host', 'table_description': "A verified host name that shows an account's brand: acme.localhost."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Attempts',
            fields=[
                ('key', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=200)),
                ('failures', fields.IntField()),
                ('window_ends_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'attempts', 'app': 'tenants', 'pk_attr': 'key', 'table_description': 'How often a key ("login|203.0.113.9") failed in its present window. Unlogged: a crash forgives.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Balance',
            fields=[
                ('account_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('remaining', fields.BigIntField(db_default=0)),
            ],
            options={'table': 'balance', 'app': 'tenants', 'pk_attr': 'account_id', 'table_description': "Credits left. One credit sends one message to one recipient. Always the sum of the account's entries."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Credential',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='credentials', on_delete=OnDelete.CASCADE)),
                ('kind', fields.CharEnumField(description='SMTP: smtp\nSOURCE: source\nAPI: api', enum_type=CredentialKind, max_length=8)),
                ('name', fields.CharField(description='For people: what it is used by', max_length=100)),
                ('username', fields.CharField(null=True, unique=True, description='SMTP only', max_length=100)),
                ('secret_hash', fields.BinaryField(null=True, description='HMAC of the secret; null for a source')),
                ('networks', ArrayField(null=True, description='Where it may be used from; null: anywhere', element_type='CIDR')),
                ('sandbox', fields.BooleanField(description='Its mail never leaves the house', db_default=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('revoked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'credential', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'One way for a program to act for an account. Its secret is kept as a keyed hash and shown once.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='CreditEntry',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('delta', fields.BigIntField(description='Credits gained (+) or spent (-)')),
                ('reason', fields.CharField(description='grant, message', max_length=20)),
                ('message_id', fields.UUIDField(null=True, description='The message that was charged')),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'credit_entry', 'app': 'tenants', 'indexes': [Index(fields=['account_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One change of a balance; never updated, never deleted.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Member',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account', fields.ForeignKeyField('tenants.Account', source_field='account_id', db_constraint=True, to_field='id', related_name='members', on_delete=OnDelete.CASCADE)),
                ('email', fields.CharField(unique=True, description='Lower case: what is typed at login', max_length=254)),
                ('name', fields.CharField(max_length=200)),
                ('password_hash', fields.CharField(description='argon2id', max_length=200)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'member', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'A person with a password.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Session',
            fields=[
                ('id', fields.CharField(primary_key=True, unique=True, db_index=True, description='SHA-256 of the token in the cookie, in hex', max_length=64)),
                ('member', fields.ForeignKeyField('tenants.Member', source_field='member_id', db_constraint=True, to_field='id', related_name='sessions', on_delete=OnDelete.CASCADE)),
                ('host', fields.CharField(description='The host it was made on; refused at every other', max_length=253)),
                ('ip', fields.CharField(max_length=45)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'session', 'app': 'tenants', 'pk_attr': 'id', 'table_description': 'One browser that is signed in, on one host.'},
            bases=['Model'],
        ),
        ops.RunSQL(
            [
                # Who is below whom: `lineage @> array[id]` finds a subtree.
                "create index idx_account_lineage on account using gin (lineage)",
                "alter table account add constraint account_pool_is_above check (pool_id = any (lineage) and pool_id <> id)",
                "alter table balance add foreign key (account_id) references account (id) on delete cascade",
                "alter table balance add constraint balance_never_negative check (remaining >= 0)",
                # A crash forgives failed attempts; nothing else is lost, and counting them costs no WAL.
                "alter table attempts set unlogged",
            ],
            reverse_sql="",
        ),
    ]
