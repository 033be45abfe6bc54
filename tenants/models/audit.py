"""Who changed what? One row for every change, written in the transaction that made it."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class AuditEntry(Model):
    """One change; never updated, never deleted but with its account. Holds no secret."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField(description="Whose thing was changed: its account and those above see the entry")
    at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    member_id = fields.UUIDField(null=True, description="Who did it; null: a program or the platform")
    credential_id = fields.UUIDField(null=True, description="The program's key")
    home_id = fields.UUIDField(null=True, description="The account of whoever did it")
    entered = fields.BooleanField(
        db_default=False, description='By a member from above who had entered the account ("log in as")'
    )
    ip = fields.CharField(max_length=45, null=True)
    action = fields.CharField(max_length=60, description="account.suspend, credential.create, …")
    target = fields.CharField(max_length=100, null=True, description="The id of what was changed")
    changes: fields.JSONField[dict[str, list[object]]] = fields.JSONField(
        description='{"name": ["before", "after"]}, secrets left out'
    )

    class Meta:
        table = "audit_entry"
        indexes = (("account_id", "id"),)
