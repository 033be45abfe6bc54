"""What is added to a message and what comes back: suppressions, templates, treatments, copies, unsubscribe tags, visits."""

from tortoise import migrations
from tortoise.migrations import operations as ops
from mail.lifecycle import EventKind
from mail.models.suppression import SuppressionReason
from mail.models.template import TemplateKind
from tortoise.fields.db_defaults import SqlDefault
from uuid import uuid4
from tortoise import fields
from tortoise.indexes import Index

_SEEN = "((select sees_all()) or account_id in (select id from seen_accounts() as id))"

class Migration(migrations.Migration):
    dependencies = [('mail', '0002_walls')]

    initial = False

    operations = [
        ops.CreateModel(
            name='CopyRule',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('address', fields.TextField(description='Who gets the copies', unique=False)),
                ('sender', fields.TextField(null=True, description='Only of mail from this address; null: from any', unique=False)),
                ('tag', fields.CharField(null=True, description='Only of mail with this tag; null: with any or none', max_length=100)),
                ('confirmed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('stopped_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('stopped_for', fields.CharField(null=True, description='Why, in the words of mail.verdict', max_length=40)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'copy_rule', 'app': 'mail', 'indexes': [Index(fields=['account_id'])], 'pk_attr': 'id', 'table_description': 'One BCC rule. Copies go once its address has confirmed, and no more after one bounced or was complained about.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='KilledLink',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('target', fields.TextField(null=True, unique=False)),
                ('reason', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'killed_link', 'app': 'mail', 'indexes': [Index(fields=['account_id'])], 'pk_attr': 'id', 'table_description': 'A target that no link of an account leads to any more; without a target, none of its links leads anywhere.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='LongTarget',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('digest', fields.BinaryField(description='SHA-256 of the target')),
                ('target', fields.TextField(unique=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'long_target', 'app': 'mail', 'unique_together': (('account_id', 'digest'),), 'pk_attr': 'id', 'table_description': 'A target too long to be carried in its own link.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Suppression',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField(null=True, description='Null: nobody on this platform sends to it')),
                ('address', fields.TextField(description='As compared: the domain in lower case A-labels, the local part as written', unique=False)),
                ('reason', fields.CharEnumField(description='BOUNCE: bounce\nCOMPLAINT: complaint\nUNSUBSCRIBE: unsubscribe\nMANUAL: manual', enum_type=SuppressionReason, max_length=11)),
                ('source', fields.TextField(description="Who or what put it there: event, import, api, or a member's words", unique=False)),
                ('recipient_id', fields.UUIDField(null=True, description='The mail that led to it')),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('expires_at', fields.DatetimeField(null=True, description='Null: for good', auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'suppression', 'app': 'mail', 'pk_attr': 'id', 'table_description': 'One address that an account, or with no account the whole platform, sends nothing to.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Template',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='TEMPLATE: template\nFOOTER: footer', enum_type=TemplateKind, max_length=8)),
                ('name', fields.CharField(max_length=100)),
                ('language', fields.CharField(null=True, description='Of a footer: for mail in this language', max_length=2)),
                ('html', fields.TextField(description='Sanitised', unique=False)),
                ('text', fields.TextField(unique=False)),
                ('is_default', fields.BooleanField(description='For mail that names no other', db_default=False)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
                ('updated_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'template', 'app': 'mail', 'unique_together': (('account_id', 'kind', 'name'),), 'pk_attr': 'id', 'table_description': 'A named piece of HTML and text. A template holds `<% body %>` once in each.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Treatment',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('credential_id', fields.UUIDField(null=True, description="Null: the account's own, for all its mail")),
                ('template_id', fields.UUIDField(null=True)),
                ('footer_id', fields.UUIDField(null=True)),
                ('track_opens', fields.BooleanField(null=True)),
                ('track_clicks', fields.BooleanField(null=True)),
                ('track_text', fields.BooleanField(null=True, description='Links of plain text too')),
                ('list_unsubscribe', fields.BooleanField(null=True, description='The header without a tag in the text too')),
                ('unsubscribe_tag_id', fields.UUIDField(null=True, description='The words and language of links that name no tag')),
                ('forward_returns', fields.BooleanField(null=True, description='Bounces go on to the sender, after they are judged')),
                ('whole_ip', fields.BooleanField(null=True, description='Visits keep the whole address, not its network alone')),
                ('visit_days', fields.SmallIntField(null=True, description='Days that visits are kept; null: 400')),
                ('free_copies', fields.BooleanField(description="Of an account's own: its copies cost nothing, as the operator has decided", db_default=False)),
                ('updated_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'treatment', 'app': 'mail', 'pk_attr': 'id', 'table_description': 'What is done to mail of an account, or of one of its credentials, on the way out; null: as the account says.'},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='UnsubscribeTag',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ('account_id', fields.UUIDField()),
                ('number', fields.IntField(description='The id in the tag: 1, 2, 3 … within the account')),
                ('text', fields.TextField(description='The disclaimer; what stands between [ and ] becomes the link', unique=False)),
                ('language', fields.CharField(max_length=2)),
                ('created_at', fields.DatetimeField(db_default=SqlDefault('livery_now()'), auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'unsubscribe_tag', 'app': 'mail', 'unique_together': (('account_id', 'number'),), 'pk_attr': 'id', 'table_description': "What `<% unsubscribe ID %>` in a mail becomes: the account's own sentence with a link, and the page's language."},
            bases=['Model'],
        ),
        ops.CreateModel(
            name='Visit',
            fields=[
                ('id', fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True, description='Given by the process that answered: counted once, however often told')),
                ('account_id', fields.UUIDField()),
                ('message_id', fields.UUIDField()),
                ('recipient_id', fields.UUIDField()),
                ('kind', fields.CharEnumField(description='opened or clicked', enum_type=EventKind, max_length=12)),
                ('at', fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ('url', fields.TextField(null=True, description='Where the click led', unique=False)),
                ('machine', fields.CharField(null=True, description='Which kind of machine it was; null: a person', max_length=40)),
                ('is_first', fields.BooleanField(description="The first of its kind of this recipient by a person")),
                ('delay', fields.FloatField(null=True, description='Seconds: of an open since delivery, of a click since the first open')),
                ('agent', fields.CharField(null=True, description='Browser or mail program', max_length=60)),
                ('system', fields.CharField(null=True, description='Operating system', max_length=60)),
                ('device', fields.CharField(null=True, description='desktop, phone, tablet', max_length=10)),
                ('ip', fields.TextField(null=True, description='The network, or the whole address where the account keeps it', unique=False)),
                ('country', fields.CharField(null=True, max_length=2)),
            ],
            options={'table': 'visit', 'app': 'mail', 'indexes': [Index(fields=['recipient_id']), Index(fields=['account_id', 'at'])], 'pk_attr': 'id', 'table_description': 'One request for a pixel or a tracked link, by a person or a machine. The fact itself is in the ledger.'},
            bases=['Model'],
        ),
        ops.AddField(
            model_name='Event',
            name='machine',
            field=fields.BooleanField(description='Opened or clicked by a program, not by a person', db_default=False),
        ),
        ops.AddField(
            model_name='Message',
            name='tag',
            field=fields.CharField(null=True, description='What the sender files it under', max_length=100),
        ),
        ops.AddField(
            model_name='Recipient',
            name='copy_rule_id',
            field=fields.UUIDField(null=True, description="A copy for this rule's address; null: whom the sender named"),
        ),
        ops.AddField(
            model_name='Recipient',
            name='free',
            field=fields.BooleanField(description='Not charged: suppressed when it was accepted, or a copy that costs nothing', db_default=False),
        ),
        ops.AddField(
            model_name='ReturnedMail',
            name='judged_at',
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='ReturnedMail',
            name='kind',
            field=fields.CharField(null=True, description='bounce, delay, delivered, complaint, autoreply, unknown; null: not judged', max_length=10),
        ),
        ops.RunSQL(
            [
                "create index idx_long_target_new on long_target (created_at, id)",
                # What every API process holds in memory so that links lead on while the database is away: what leads
                # nowhere any more, and where long links lead, without whose they are.
                """create function dead_links() returns table (account_id uuid, target text)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select k.account_id, k.target from killed_link k
                          union all select a.id, null from account a where a.deleted_at is not null $$""",
                # Hosts that are an account's, behind which no other account's link may lead anywhere.
                """create function link_hosts() returns table (host text)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select h.host from domain_host h join domain d on d.id = h.domain_id
                          where h.kind = 'tracking' and h.verified_at is not null and d.verified_at is not null
                          union select a.host from account_host a $$""",
                """create function long_links(since timestamptz, most int)
                   returns table (id uuid, target text, created_at timestamptz)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select t.id, t.target, t.created_at from long_target t where t.created_at > since
                          order by t.created_at desc, t.id desc limit most $$""",
                # Nulls count as equal: the platform's own list has no account, an account's own treatment no credential.
                "create unique index idx_suppression_address on suppression (address, account_id, reason)"
                " nulls not distinct",
                "create index idx_suppression_list on suppression (account_id, id)",
                "create index idx_suppression_ends on suppression (expires_at) where expires_at is not null",
                # Whether an address is on everybody's list, which nobody but the operator reads: the addresses that are.
                """create function platform_suppressed(addresses text[]) returns setof text
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select w.address from unnest(addresses) as w (address)
                          cross join lateral (select from suppression s
                                               where s.address = w.address and s.account_id is null
                                                 and (s.expires_at is null or s.expires_at > (select livery_now()))
                                               limit 1) listed $$""",
                # The reports of bounces and complaints (mail.setbacks): few facts of many. The operator's go through all.
                *[
                    f"create index idx_event_setback_{name} on event ({columns})"
                    " where kind in ('bounced', 'expired', 'complained')"
                    for name, columns in (("of", "account_id, id"), ("all", "id"))
                ],
                "create unique index idx_treatment_of on treatment (account_id, credential_id) nulls not distinct",
                # One default an account; of footers one a language besides.
                "create unique index idx_template_default on template (account_id, kind, language)"
                " nulls not distinct where is_default",
                "create index idx_returned_mail_waiting on returned_mail (received_at) where judged_at is null",
                "create index idx_returned_mail_of on returned_mail (recipient_id)",
                # With what face a recipient is asked whether to be left alone: name, colour and privacy policy, from above
                # too, but nothing of the operator's own, whom nobody below knows. None of a deleted account.
                """create function sender_face(account_id uuid) returns table (brand text, color text, privacy_url text)
                   language sql stable security definer set search_path = public, pg_temp
                   as $$ select b.brand_name, b.brand_color, q.privacy_url
                           from account a
                           left join lateral (select p.* from account p
                                               where p.id = any (a.lineage) and p.brand_name is not null and p.parent_id is not null
                                               order by cardinality(p.lineage) desc limit 1) b on true
                           left join lateral (select p.* from account p
                                               where p.id = any (a.lineage) and p.privacy_url is not null
                                                 and (p.parent_id is not null or p.id = a.id)
                                               order by cardinality(p.lineage) desc limit 1) q on true
                          where a.id = $1 and a.deleted_at is null
                            and (session_user <> 'livery_api' or a.lineage && livery_scope()) $$""",
                *[
                    step
                    for table in (
                        "copy_rule", "killed_link", "long_target", "suppression", "template", "treatment",
                        "unsubscribe_tag", "visit",
                    )
                    for step in (
                        f"alter table {table} enable row level security",
                        f"create policy own on {table} using ({_SEEN}) with check ({_SEEN})",
                    )
                ],
            ],
            reverse_sql="",
        ),
    ]
