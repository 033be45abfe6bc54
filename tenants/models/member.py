"""Who are the people? Members belong to one account and act in its subtree; sessions are their open doors."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from tenants.models.account import Account


class Member(Model):
    """A person with a password."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="members", on_delete=fields.CASCADE
    )
    email = fields.CharField(max_length=254, unique=True, description="Lower case: what is typed at login")
    name = fields.CharField(max_length=200)
    password_hash = fields.CharField(max_length=200, description="argon2id")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "member"


class Session(Model):
    """One browser that is signed in, on one host."""

    id = fields.CharField(max_length=64, primary_key=True, description="SHA-256 of the token in the cookie, in hex")
    member: fields.ForeignKeyRelation[Member] = fields.ForeignKeyField(
        "tenants.Member", related_name="sessions", on_delete=fields.CASCADE
    )
    host = fields.CharField(max_length=253, description="The host it was made on; refused at every other")
    ip = fields.CharField(max_length=45)
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField()

    class Meta:
        table = "session"
