"""What may an account still send? Dated grants, their sum, and an append-only list of why they are what they are."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from tenants.models.account import Account


class Balance(Model):
    """Credits left. One credit sends one message to one recipient. Always the sum of the account's entries."""

    account_id = fields.UUIDField(primary_key=True)
    remaining = fields.BigIntField(db_default=0)

    class Meta:
        table = "balance"


class CreditGrant(Model):
    """Credits given at one time, good until a day. The earliest to expire is spent first."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="grants", on_delete=fields.CASCADE
    )
    amount = fields.BigIntField()
    remaining = fields.BigIntField()
    is_open = fields.BooleanField(db_default=False, description="Something is left of it; what indexes ask")
    expires_at = fields.DatetimeField(null=True, description="Null: never")
    origin: fields.ForeignKeyNullableRelation["CreditGrant"] = fields.ForeignKeyField(
        "tenants.CreditGrant",
        null=True,
        related_name="handed_down",
        on_delete=fields.SET_NULL,
        description="The parent's grant it was handed down from",
    )
    plan: fields.ForeignKeyNullableRelation["Plan"] = fields.ForeignKeyField(
        "tenants.Plan", null=True, related_name="grants", on_delete=fields.SET_NULL
    )
    period = fields.DateField(null=True, description="The month that a monthly plan was granted for")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "credit_grant"


class MonthUse(Model):
    """What an account with a monthly limit has spent in its present month."""

    account_id = fields.UUIDField(primary_key=True)
    period = fields.DateField(description="The first of the month, in the account's time zone")
    used = fields.BigIntField(db_default=0)

    class Meta:
        table = "month_use"


class Plan(Model):
    """What an account sells to those below it: credits, once or every month, or an address of their own."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="plans", on_delete=fields.CASCADE, description="Who sells it"
    )
    name = fields.CharField(max_length=100)
    credits = fields.BigIntField()
    monthly = fields.BooleanField(db_default=False, description="Granted every month while it runs")
    valid_days = fields.IntField(db_default=365, description="How long its credits are good")
    dedicated_ip = fields.BooleanField(db_default=False)
    price_cents = fields.BigIntField(db_default=0)
    currency = fields.CharField(max_length=3, db_default="EUR")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    archived_at = fields.DatetimeField(null=True, description="No longer sold")

    class Meta:
        table = "plan"


class PlanOrder(Model):
    """An account asks its parent for a plan; the parent, or its payment provider, fulfils it."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="orders", on_delete=fields.CASCADE, description="Who buys"
    )
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "tenants.Plan", related_name="orders", on_delete=fields.RESTRICT
    )
    state = fields.CharField(max_length=10, db_default="open", description="open, fulfilled, cancelled")
    payment_reference = fields.CharField(max_length=200, null=True)
    ordered_by = fields.UUIDField(null=True)
    fulfilled_at = fields.DatetimeField(null=True)
    ends_at = fields.DatetimeField(null=True, description="A monthly plan is not granted after this")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "plan_order"


class CreditAlert(Model):
    """A balance fell below what its account wants to be told of; open until it has risen again."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="alerts", on_delete=fields.CASCADE
    )
    threshold = fields.BigIntField()
    remaining = fields.BigIntField()
    crossed_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    cleared_at = fields.DatetimeField(null=True)

    class Meta:
        table = "credit_alert"


class CreditEntry(Model):
    """One change of a balance; never updated, never deleted."""

    id = fields.BigIntField(primary_key=True, generated=True)
    account_id = fields.UUIDField()
    delta = fields.BigIntField(description="Credits gained (+) or spent (-)")
    reason = fields.CharField(max_length=20, description="grant, message, refund, expired, …: tenants.credits")
    grant_id = fields.UUIDField(null=True, description="The grant it took from or gave to")
    message_id = fields.UUIDField(null=True, description="The message that was charged")
    spender_id = fields.UUIDField(null=True, description="The account that sent it, where another one paid")
    counterpart_id = fields.UUIDField(null=True, description="The account it was handed to or came from")
    actor_id = fields.UUIDField(null=True, description="The member who did it")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "credit_entry"
        indexes = (("account_id", "id"),)
