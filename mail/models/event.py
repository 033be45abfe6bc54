"""What happened? The ledger: facts about recipients, and the SMTP transactions they came from."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from mail.lifecycle import EventKind, State


class Event(Model):
    """One fact. Past tense, never changed; written only by `mail.ledger.record`.

    Its place in the ledger is (epoch, xid, id), read below the oldest running transaction: ids alone are handed out
    before commits and would let a reader skip a row that commits late (docs/decisions/0002).
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    epoch = fields.IntField(
        description="Grows with each restore of the database, whose transaction ids may start lower"
    )
    xid = fields.BigIntField(db_default=SqlDefault("(pg_current_xact_id()::text::bigint)"))
    account_id = fields.UUIDField()
    message_id = fields.UUIDField()
    recipient_id = fields.UUIDField()
    kind = fields.CharEnumField(EventKind, max_length=12)
    at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    is_first = fields.BooleanField(db_default=True, description="The first of its kind for this recipient")
    from_state = fields.CharEnumField(
        State, max_length=10, null=True, description="The state it left; null where it moved nothing"
    )
    attempt_id = fields.UUIDField(null=True)
    code = fields.SmallIntField(null=True)
    status = fields.CharField(max_length=12, null=True)
    reply = fields.TextField(null=True)
    cause = fields.CharField(max_length=40, null=True)
    uncertain = fields.BooleanField(db_default=False)
    machine = fields.BooleanField(db_default=False, description="Opened or clicked by a program, not by a person")

    class Meta:
        table = "event"
        indexes = (("epoch", "xid", "id"), ("account_id", "epoch", "xid", "id"), ("recipient_id",))
        # Those of bounces and complaints alone, (account_id, id) and (id), are in the migration.


class Attempt(Model):
    """One SMTP transaction with one remote host, for one or more recipients of one message."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    message_id = fields.UUIDField()
    host = fields.TextField()
    ip = fields.TextField()
    tls = fields.TextField(null=True, description="TLSv1.3 TLS_AES_256_GCM_SHA384; null: in clear")
    started_at = fields.DatetimeField()
    ended_at = fields.DatetimeField()
    conversation = fields.TextField(description='A line each: "> " ours, "< " theirs; message bytes left out')

    class Meta:
        table = "attempt"
        indexes = (("message_id",),)


class LedgerEpoch(Model):
    """The present epoch, one row."""

    only_row = fields.BooleanField(primary_key=True, db_default=True)
    epoch = fields.IntField()

    class Meta:
        table = "ledger_epoch"
