from tortoise import migrations
from tortoise.migrations import operations as ops
from mail.lifecycle import EventKind, State
from mail.models.domain import HostKind
from tortoise.fields.base import OnDelete
from tortoise.fields.db_defaults import SqlDefault
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name='Attempt',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('message_id', fields.UUIDField()),
                ('host', fields.TextField(unique=False)),
                ('ip', fields.TextField(unique=False)),
                ('tls', fields.TextField(null=True, description='TLSv1.3 TLS_AES_256_GCM_SHA384; null: in clear', unique=False)),
                ('started_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('ended_at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('conversation', fields.TextField(description='A line each: "> " ours, "< " theirs; message bytes left out', unique=False)),
            ],
            options={'table': 'attempt', 'app': 'mail', 'indexes': [Index(fields=['message_id'])], 'pk_attr': 'id', 'table_description': 'One SMTP transaction with one remote host, for one or more recipients of one message.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Body',
            fields=[
                ('message_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('content', fields.BinaryField()),
            ],
            options={'table': 'body', 'app': 'mail', 'pk_attr': 'message_id', 'table_description': 'The bytes of a message exactly as received, CRLF lines; never changed.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Domain',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('name', fields.CharField(description='Lower case A-labels', max_length=253)),
                ('verified_at', fields.DatetimeField(null=True, description='When its TXT token was last proven; null: not yet', auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'domain', 'app': 'mail', 'unique_together': (('account_id', 'name'),), 'pk_attr': 'id', 'table_description': 'A sender domain of one account. Signed with its own key once verified.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DkimKey',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('domain', fields.ForeignKeyField('mail.Domain', source_field='domain_id', db_constraint=True, to_field='id', related_name='keys', on_delete=OnDelete.CASCADE)),
                ('selector', fields.CharField(max_length=63)),
                ('private_sealed', fields.BinaryField(description='PKCS #8 DER, sealed by kit.crypto')),
                ('txt', fields.TextField(description='The DNS TXT value that publishes the public half', unique=False)),
                ('active', fields.BooleanField(description='Signs now; two keys may be published while one takes over')),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'dkim_key', 'app': 'mail', 'unique_together': (('domain_id', 'selector'),), 'pk_attr': 'id', 'table_description': 'A signing key; RFC 6376. The private half is sealed to (account, domain, selector) and never stored otherwise.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='DomainHost',
            fields=[
                ('host', fields.CharField(primary_key=True, unique=True, db_index=True, max_length=253)),
                ('domain', fields.ForeignKeyField('mail.Domain', source_field='domain_id', db_constraint=True, to_field='id', related_name='hosts', on_delete=OnDelete.CASCADE)),
                ('kind', fields.CharEnumField(description='DASHBOARD: dashboard\nSMTP: smtp\nTRACKING: tracking\nRETURN_PATH: return_path', enum_type=HostKind, max_length=12)),
                ('verified_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'domain_host', 'app': 'mail', 'pk_attr': 'host', 'table_description': 'A host under a domain and what it is for.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Event',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('epoch', fields.IntField(description='Grows with each restore of the database, whose transaction ids may start lower')),
                ('xid', fields.BigIntField(db_default=SqlDefault('(pg_current_xact_id()::text::bigint)'))),
                ('account_id', fields.UUIDField()),
                ('message_id', fields.UUIDField()),
                ('recipient_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='ACCEPTED: accepted\nHELD: held\nRELEASED: released\nDEFERRED: deferred\nDELIVERED: delivered\nBOUNCED: bounced\nEXPIRED: expired\nSUPPRESSED: suppressed\nCANCELLED: cancelled\nOPENED: opened\nCLICKED: clicked\nUNSUBSCRIBED: unsubscribed\nCOMPLAINED: complained', enum_type=EventKind, max_length=12)),
                ('at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('is_first', fields.BooleanField(description='The first of its kind for this recipient', db_default=True)),
                ('from_state', fields.CharEnumField(null=True, description='The state it left; null where it moved nothing', enum_type=State, max_length=10)),
                ('attempt_id', fields.UUIDField(null=True)),
                ('code', fields.SmallIntField(null=True)),
                ('status', fields.CharField(null=True, max_length=12)),
                ('reply', fields.TextField(null=True, unique=False)),
                ('cause', fields.CharField(null=True, max_length=40)),
                ('uncertain', fields.BooleanField(db_default=False)),
            ],
            options={'table': 'event', 'app': 'mail', 'indexes': [Index(fields=['epoch', 'xid', 'id']), Index(fields=['account_id', 'epoch', 'xid', 'id']), Index(fields=['recipient_id'])], 'pk_attr': 'id', 'table_description': 'One fact. Past tense, never changed; written only by `mail.ledger.record`.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='FoldPosition',
            fields=[
                ('only_row', fields.BooleanField(primary_key=True, unique=True, db_index=True, db_default=True)),
                ('epoch', fields.IntField()),
                ('xid', fields.BigIntField()),
                ('event_id', fields.BigIntField()),
            ],
            options={'table': 'fold_position', 'app': 'mail', 'pk_attr': 'only_row', 'table_description': 'How far the ledger has been counted, one row.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LedgerEpoch',
            fields=[
                ('only_row', fields.BooleanField(primary_key=True, unique=True, db_index=True, db_default=True)),
                ('epoch', fields.IntField()),
            ],
            options={'table': 'ledger_epoch', 'app': 'mail', 'pk_attr': 'only_row', 'table_description': 'The present epoch, one row.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Message',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('credential_id', fields.UUIDField(null=True, description='What it was submitted with; null: by a member')),
                ('door', fields.CharField(description="smtp or api; note: the platform's own", max_length=4)),
                ('envelope_from', fields.TextField(description='MAIL FROM as given; empty: the null sender', unique=False)),
                ('sender', fields.TextField(description='From address as shown; empty where it has none', unique=False)),
                ('subject', fields.TextField(description='Decoded for people', unique=False)),
                ('message_id_header', fields.TextField(null=True, description='As submitted, without angle brackets', unique=False)),
                ('size', fields.IntField(description='Bytes as received')),
                ('eight_bit', fields.BooleanField(description='Holds bytes above 127')),
                ('smtputf8', fields.BooleanField(description='Needs RFC 6531 at every hop')),
                ('dsn_ret', fields.CharField(null=True, description='RFC 3461 RET: FULL or HDRS', max_length=4)),
                ('dsn_envid', fields.CharField(null=True, description='RFC 3461 ENVID as given', max_length=100)),
                ('trace', fields.TextField(description='The Received field that its door writes, without the field name', unique=False)),
                ('sandbox', fields.BooleanField(description='Never leaves the house')),
                ('recipient_count', fields.IntField()),
                ('accepted_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(description='Given up after this: RFC 5321 §4.5.4.1', auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'message', 'app': 'mail', 'indexes': [Index(fields=['account_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One accepted submission.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Recipient',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('message_id', fields.UUIDField()),
                ('account_id', fields.UUIDField()),
                ('address', fields.TextField(description='As given in RCPT TO', unique=False)),
                ('domain', fields.CharField(description='Lower case A-labels', max_length=255)),
                ('state', fields.CharEnumField(description='QUEUED: queued\nHELD: held\nSENDING: sending\nDEFERRED: deferred\nDELIVERED: delivered\nBOUNCED: bounced\nEXPIRED: expired\nSUPPRESSED: suppressed\nCANCELLED: cancelled', db_default='queued', enum_type=State, max_length=10)),
                ('priority', fields.SmallIntField(description='0 first', db_default=1)),
                ('attempts', fields.SmallIntField(description='Attempts begun', db_default=0)),
                ('lapses', fields.SmallIntField(description='Attempts whose worker never came back', db_default=0)),
                ('fence', fields.IntField(description='Grows with each claim; an outcome with an old one is not recorded', db_default=0)),
                ('next_attempt_at', fields.DatetimeField(null=True, db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('notify', fields.CharField(null=True, description='RFC 3461 NOTIFY', max_length=30)),
                ('orcpt', fields.TextField(null=True, description='RFC 3461 ORCPT as given', unique=False)),
                ('code', fields.SmallIntField(null=True, description='Last reply: 550')),
                ('status', fields.CharField(null=True, description='Last enhanced status: 5.1.1', max_length=12)),
                ('reply', fields.TextField(null=True, description="Last reply's text", unique=False)),
                ('cause', fields.CharField(null=True, description='Why, in the words of mail.verdict', max_length=40)),
                ('uncertain', fields.BooleanField(description='A remote may have it although no reply said so', db_default=False)),
                ('opened_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('clicked_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('unsubscribed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('complained_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'recipient', 'app': 'mail', 'indexes': [Index(fields=['message_id']), Index(fields=['account_id', 'id'])], 'pk_attr': 'id', 'table_description': 'One RCPT TO of one message.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='ReturnedMail',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('recipient_id', fields.UUIDField()),
                ('content', fields.BinaryField()),
                ('received_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'returned_mail', 'app': 'mail', 'pk_attr': 'id', 'table_description': 'One mail to the signed return path of one recipient.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Standing',
            fields=[
                ('account_id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('queued', fields.BigIntField(db_default=0)),
            ],
            options={'table': 'standing', 'app': 'mail', 'pk_attr': 'account_id', 'table_description': 'How many recipients of an account wait now.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Tally',
            fields=[
                ('id', fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('starts_at', fields.DatetimeField(description='A multiple of 15 minutes, UTC', auto_now=False, auto_now_add=False)),
                ('total', fields.BigIntField(db_default=0)),
                ('delivered', fields.BigIntField(db_default=0)),
                ('bounced', fields.BigIntField(db_default=0)),
                ('opened', fields.BigIntField(db_default=0)),
                ('clicked', fields.BigIntField(db_default=0)),
                ('unsubscribed', fields.BigIntField(db_default=0)),
                ('complained', fields.BigIntField(db_default=0)),
            ],
            options={'table': 'tally', 'app': 'mail', 'unique_together': (('account_id', 'starts_at'),), 'pk_attr': 'id', 'table_description': 'Facts of one account in one quarter of an hour (time zones have offsets of 45 minutes).'},
            bases=['Model'],
        ),
        ops.RunSQL(
            [
                # The queue: what is due, fairly by account. Settled rows are not in it. The only index on the due time:
                # with a second one, on the time alone, the planner reads every account's due rows to serve one.
                "create index idx_recipient_queue on recipient (account_id, priority, next_attempt_at)"
                " where next_attempt_at is not null",
                # Recipients over which a worker was lost: none, on a good day (mail.dispatch.claim).
                "create index idx_recipient_suspect on recipient (next_attempt_at)"
                " where lapses > 0 and next_attempt_at is not null",
                # Held mail is given up at the end of its life without being due before.
                "create index idx_recipient_held on recipient (message_id) where state = 'held'",
                # Rows leave the queue all day long: a small, hot index needs a busy vacuum.
                "alter table recipient set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1)",
                "create unique index idx_domain_verified on domain (name) where verified_at is not null",
                # Mail hardly compresses and is read whole: leave it as it is.
                "alter table body alter column content set storage external",
                "insert into ledger_epoch values (true, 1)",
                "insert into fold_position values (true, 1, 0, 0)",
            ],
            reverse_sql="",
        ),
    ]
