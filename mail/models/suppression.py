"""To whom is nothing sent any more, why, and until when?"""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class SuppressionReason(StrEnum):
    """Why an address is on the list."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"


class Suppression(Model):
    """One address that an account, or with no account the whole platform, sends nothing to."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField(null=True, description="Null: nobody on this platform sends to it")
    address = fields.TextField(description="As compared: the domain in lower case A-labels, the local part as written")
    reason = fields.CharEnumField(SuppressionReason, max_length=11)
    source = fields.TextField(description="Who or what put it there: event, import, api, or a member's words")
    recipient_id = fields.UUIDField(null=True, description="The mail that led to it")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField(null=True, description="Null: for good")

    class Meta:
        table = "suppression"
        # That an address is there once an account and reason is in the migration: nulls count as equal.
