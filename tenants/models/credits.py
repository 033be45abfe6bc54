"""What may an account still send? A balance of credits, and an append-only list of why it is what it is."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class Balance(Model):
    """Credits left. One credit sends one message to one recipient. Always the sum of the account's entries."""

    account_id = fields.UUIDField(primary_key=True)
    remaining = fields.BigIntField(db_default=0)

    class Meta:
        table = "balance"


class CreditEntry(Model):
    """One change of a balance; never updated, never deleted."""

    id = fields.BigIntField(primary_key=True, generated=True)
    account_id = fields.UUIDField()
    delta = fields.BigIntField(description="Credits gained (+) or spent (-)")
    reason = fields.CharField(max_length=20, description="grant, message")
    message_id = fields.UUIDField(null=True, description="The message that was charged")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "credit_entry"
        indexes = (("account_id", "id"),)
