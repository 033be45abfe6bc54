"""Who opened and clicked, with what? Details of opens and clicks, and what tracking links lead to."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from mail.lifecycle import EventKind


class Visit(Model):
    """One request for a pixel or a tracked link, by a person or a machine. The fact itself is in the ledger."""

    id = fields.UUIDField(
        primary_key=True, description="Given by the process that answered: counted once, however often told"
    )
    account_id = fields.UUIDField()
    message_id = fields.UUIDField()
    recipient_id = fields.UUIDField()
    kind = fields.CharEnumField(EventKind, max_length=12, description="opened or clicked")
    at = fields.DatetimeField()
    url = fields.TextField(null=True, description="Where the click led")
    machine = fields.CharField(max_length=40, null=True, description="Which kind of machine it was; null: a person")
    is_first = fields.BooleanField(description="The first of its kind of this recipient by a person")
    delay = fields.FloatField(
        null=True, description="Seconds: of an open since delivery, of a click since the first open"
    )
    agent = fields.CharField(max_length=60, null=True, description="Browser or mail program")
    system = fields.CharField(max_length=60, null=True, description="Operating system")
    device = fields.CharField(max_length=10, null=True, description="desktop, phone, tablet")
    ip = fields.TextField(null=True, description="The network, or the whole address where the account keeps it")
    country = fields.CharField(max_length=2, null=True)

    class Meta:
        table = "visit"
        indexes = (("recipient_id",), ("account_id", "at"))


class LongTarget(Model):
    """A target too long to be carried in its own link."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    digest = fields.BinaryField(description="SHA-256 of the target")
    target = fields.TextField()
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "long_target"
        unique_together = (("account_id", "digest"),)


class KilledLink(Model):
    """A target that no link of an account leads to any more; without a target, none of its links leads anywhere."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    target = fields.TextField(null=True)
    reason = fields.TextField()
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "killed_link"
        indexes = (("account_id",),)
