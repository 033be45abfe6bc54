"""What does a program show to be let in? An SMTP user and password, an API key, or the network it comes from."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from tenants.models.account import Account


class CredentialKind(StrEnum):
    """How a credential is shown."""

    SMTP = "smtp"  # user name and password, by AUTH
    SOURCE = "source"  # nothing but the network it connects from
    API = "api"  # a bearer key


class Credential(Model):
    """One way for a program to act for an account. Its secret is kept as a keyed hash and shown once."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="credentials", on_delete=fields.CASCADE
    )
    kind = fields.CharEnumField(CredentialKind, max_length=8)
    name = fields.CharField(max_length=100, description="For people: what it is used by")
    username = fields.CharField(max_length=100, unique=True, null=True, description="SMTP only")
    secret_hash = fields.BinaryField(null=True, description="HMAC of the secret; null for a source")
    networks = ArrayField("cidr", null=True, description="Where it may be used from; null: anywhere")
    sandbox = fields.BooleanField(db_default=False, description="Its mail never leaves the house")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    created_by = fields.UUIDField(null=True, description="The member who made it")
    prefix = fields.CharField(
        max_length=16, null=True, description="The secret's beginning, for people to tell keys apart"
    )
    permissions = ArrayField("text", null=True, description="tenants.permissions; null: what its kind is for")
    per_minute = fields.IntField(null=True, description="Recipients; null: no limit of its own")
    per_hour = fields.IntField(null=True)
    per_day = fields.IntField(null=True)
    per_month = fields.IntField(null=True)
    expires_at = fields.DatetimeField(null=True)
    disabled_at = fields.DatetimeField(null=True, description="Switched off; can be switched on again")
    last_used_at = fields.DatetimeField(null=True, description="To the minute")
    last_used_ip = fields.CharField(max_length=45, null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "credential"


class RateUse(Model):
    """How much a credential has sent in its present minute, hour, day, month. Unlogged: a crash forgives."""

    id = fields.CharField(max_length=60, primary_key=True, description="credential|window")
    used = fields.IntField()
    most = fields.IntField(description="Recipients that its credential may have in the window")
    window_ends_at = fields.DatetimeField()

    class Meta:
        table = "rate_use"


class Attempts(Model):
    """How often a key ("login|203.0.113.9") failed in its present window. Unlogged: a crash forgives."""

    key = fields.CharField(max_length=200, primary_key=True)
    failures = fields.IntField()
    window_ends_at = fields.DatetimeField()

    class Meta:
        table = "attempts"
