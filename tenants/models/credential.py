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
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "credential"


class Attempts(Model):
    """How often a key ("login|203.0.113.9") failed in its present window. Unlogged: a crash forgives."""

    key = fields.CharField(max_length=200, primary_key=True)
    failures = fields.IntField()
    window_ends_at = fields.DatetimeField()

    class Meta:
        table = "attempts"
