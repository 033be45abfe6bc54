"""What is an account? One node of the tree operator > reseller > sub-account."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class AccountKind(StrEnum):
    """Where in the tree an account stands."""

    OPERATOR = "operator"  # runs the platform; sees everything
    RESELLER = "reseller"  # buys credits, brands the product, makes sub-accounts
    SUB_ACCOUNT = "sub_account"  # sends mail under its reseller's brand


class WhenSpent(StrEnum):
    """What happens to mail for which there is no credit, or no room in the month."""

    REJECT = "reject"  # 452 4.7.1 at SMTP, 402 at the API
    HOLD = "hold"  # taken, and held until somebody releases it
    QUEUE = "queue"  # taken, and held until there is credit again or the month begins


class Source(Model):
    """An address that mail leaves from."""

    id = fields.UUIDField(primary_key=True)
    name = fields.CharField(max_length=100)
    ip = fields.CharField(max_length=45, unique=True)
    hostname = fields.CharField(max_length=253, description="Its PTR, said at EHLO")
    account: fields.ForeignKeyNullableRelation["Account"] = fields.ForeignKeyField(
        "tenants.Account",
        null=True,
        related_name="dedicated_sources",
        on_delete=fields.SET_NULL,
        description="Whose subtree alone may use it; null: everybody's",
    )
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "source"


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
    may_resell = fields.BooleanField(db_default=False, description="May have accounts below itself")
    privacy_url = fields.CharField(max_length=500, null=True, description="Its privacy policy; null: the parent's")
    source: fields.ForeignKeyNullableRelation[Source] = fields.ForeignKeyField(
        "tenants.Source",
        null=True,
        related_name="senders",
        on_delete=fields.SET_NULL,
        description="Where its mail leaves from; null: as the parent's",
    )
    monthly_limit = fields.BigIntField(null=True, description="Credits it may spend in a month of its time zone")
    when_spent = fields.CharEnumField(WhenSpent, max_length=6, db_default="reject")
    alert_below = fields.BigIntField(null=True, description="Credits below which somebody wants to know")
    sign_up_open = fields.BooleanField(db_default=False, description="Strangers may sign up on its hosts")
    sign_up_plan: fields.ForeignKeyNullableRelation[Any] = fields.ForeignKeyField(
        "tenants.Plan",
        null=True,
        related_name="starters",
        on_delete=fields.SET_NULL,
        description="What they start with",
    )
    referral_code = fields.CharField(max_length=40, unique=True, null=True, description="Brings it sign-ups")
    referred_by: fields.ForeignKeyNullableRelation["Account"] = fields.ForeignKeyField(
        "tenants.Account", null=True, related_name="referrals", on_delete=fields.SET_NULL
    )
    payment_secret = fields.BinaryField(null=True, description="Sealed: what its payment provider signs with")
    suspended_at = fields.DatetimeField(null=True)
    suspended_reason = fields.TextField(null=True)
    deleted_at = fields.DatetimeField(null=True, description="For ever; what is left of it is purged by a job")
    purged_at = fields.DatetimeField(null=True)
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
