"""What are the counts? Sums of the ledger by quarter of an hour, rebuildable from it at any time."""

from tortoise import fields
from tortoise.models import Model


class Tally(Model):
    """Facts of one account in one quarter of an hour (time zones have offsets of 45 minutes)."""

    id = fields.BigIntField(primary_key=True, generated=True)
    account_id = fields.UUIDField()
    starts_at = fields.DatetimeField(description="A multiple of 15 minutes, UTC")
    total = fields.BigIntField(db_default=0)
    delivered = fields.BigIntField(db_default=0)
    bounced = fields.BigIntField(db_default=0)
    opened = fields.BigIntField(db_default=0)
    clicked = fields.BigIntField(db_default=0)
    unsubscribed = fields.BigIntField(db_default=0)
    complained = fields.BigIntField(db_default=0)

    class Meta:
        table = "tally"
        unique_together = (("account_id", "starts_at"),)


class Standing(Model):
    """How many recipients of an account wait now."""

    account_id = fields.UUIDField(primary_key=True)
    queued = fields.BigIntField(db_default=0)

    class Meta:
        table = "standing"


class FoldPosition(Model):
    """How far the ledger has been counted, one row."""

    only_row = fields.BooleanField(primary_key=True, db_default=True)
    epoch = fields.IntField()
    xid = fields.BigIntField()
    event_id = fields.BigIntField()

    class Meta:
        table = "fold_position"
