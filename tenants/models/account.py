"""What is an account? One node of the tree operator > reseller > sub-account."""

from enum import StrEnum

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class AccountKind(StrEnum):
    """Where in the tree an account stands."""

    OPERATOR = "operator"  # runs the platform; sees everything
    RESELLER = "reseller"  # buys credits, brands the product, makes sub-accounts
    SUB_ACCOUNT = "sub_account"  # sends mail under its reseller's brand


class Account(Model):
    """An operator, a reseller or a sub-account. Suspended: no login to send, no submission, queued mail waits."""

    id = fields.UUIDField(primary_key=True)
    slug = fields.CharField(max_length=100, unique=True, description="Its name in commands and URLs: acme.test")
    name = fields.CharField(max_length=200, description="What people call it")
    kind = fields.CharEnumField(AccountKind, max_length=12)
    parent: fields.ForeignKeyNullableRelation["Account"] = fields.ForeignKeyField(
        "tenants.Account", null=True, related_name="children", on_delete=fields.RESTRICT
    )
    lineage = ArrayField("uuid", description="Its ancestors' ids from the root down, its own last: the subtree's key")
    pool: fields.ForeignKeyNullableRelation["Account"] = fields.ForeignKeyField(
        "tenants.Account",
        null=True,
        related_name="sharers",
        on_delete=fields.RESTRICT,
        description="The account above whose balance it spends; null: its own",
    )
    time_zone = fields.CharField(
        max_length=64, db_default="UTC", description="IANA name; days of its charts begin there"
    )
    brand_name = fields.CharField(max_length=100, null=True, description="Shown to its subtree; null: the parent's")
    brand_color = fields.CharField(max_length=7, null=True, description="#rrggbb; null: the parent's")
    suspended_at = fields.DatetimeField(null=True)
    suspended_reason = fields.TextField(null=True)
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "account"


class AccountHost(Model):
    """A verified host name that shows an account's brand: acme.localhost."""

    host = fields.CharField(max_length=253, primary_key=True, description="Lower case, without port")
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="hosts", on_delete=fields.CASCADE
    )
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "account_host"
