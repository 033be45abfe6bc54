"""Who gets a copy of what an account sends?"""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class CopyRule(Model):
    """One BCC rule. Copies go once its address has confirmed, and no more after one bounced or was complained about."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    address = fields.TextField(description="Who gets the copies")
    sender = fields.TextField(null=True, description="Only of mail from this address; null: from any")
    tag = fields.CharField(max_length=100, null=True, description="Only of mail with this tag; null: with any or none")
    confirmed_at = fields.DatetimeField(null=True)
    stopped_at = fields.DatetimeField(null=True)
    stopped_for = fields.CharField(max_length=40, null=True, description="Why, in the words of mail.verdict")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "copy_rule"
        indexes = (("account_id",),)
