"""Who are the people? Members belong to one account and act in its subtree; sessions are their open doors."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from tenants.models.account import Account


class Role(StrEnum):
    """What a member may do in the account and below it: `tenants.permissions` has the table."""

    OWNER = "owner"
    ADMIN = "admin"
    SENDER = "sender"
    ANALYST = "analyst"
    BILLING = "billing"


class Member(Model):
    """A person with a password."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="members", on_delete=fields.CASCADE
    )
    email = fields.CharField(max_length=254, unique=True, description="Lower case: what is typed at login")
    name = fields.CharField(max_length=200)
    password_hash = fields.CharField(max_length=200, description="argon2id")
    role = fields.CharEnumField(Role, max_length=8, db_default="owner")
    totp_secret = fields.BinaryField(null=True, description="Sealed; null: no second factor was begun")
    totp_confirmed_at = fields.DatetimeField(null=True, description="From then on a code is asked for")
    totp_step = fields.BigIntField(null=True, description="The last time step that was used: a code is good once")
    last_seen_at = fields.DatetimeField(null=True)
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
    public_id = fields.UUIDField(
        unique=True, db_default=SqlDefault("gen_random_uuid()"), description="Names it in lists"
    )
    user_agent = fields.CharField(max_length=300, db_default="")
    acts_for: fields.ForeignKeyNullableRelation[Account] = fields.ForeignKeyField(
        "tenants.Account",
        null=True,
        related_name="visits",
        on_delete=fields.CASCADE,
        description='The account below that the member has entered ("log in as"); null: its own',
    )
    last_seen_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField()

    class Meta:
        table = "session"


class RecoveryCode(Model):
    """Opens an account once when the second factor is lost."""

    id = fields.UUIDField(primary_key=True)
    member: fields.ForeignKeyRelation[Member] = fields.ForeignKeyField(
        "tenants.Member", related_name="recovery_codes", on_delete=fields.CASCADE
    )
    code_hash = fields.BinaryField(description="Keyed hash")
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "recovery_code"


class Invitation(Model):
    """A link by which a person becomes a member."""

    id = fields.UUIDField(primary_key=True)
    account: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="invitations", on_delete=fields.CASCADE
    )
    email = fields.CharField(max_length=254)
    role = fields.CharEnumField(Role, max_length=8)
    token_hash = fields.CharField(max_length=64, unique=True, description="SHA-256, in hex")
    invited_by = fields.UUIDField(null=True)
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField()
    accepted_at = fields.DatetimeField(null=True)
    revoked_at = fields.DatetimeField(null=True)

    class Meta:
        table = "invitation"


class PasswordReset(Model):
    """A link by which a member chooses a new password, once."""

    token_hash = fields.CharField(max_length=64, primary_key=True, description="SHA-256, in hex")
    member: fields.ForeignKeyRelation[Member] = fields.ForeignKeyField(
        "tenants.Member", related_name="resets", on_delete=fields.CASCADE
    )
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField()
    used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "password_reset"


class SignUp(Model):
    """A stranger who wants an account and has not confirmed the address yet."""

    token_hash = fields.CharField(max_length=64, primary_key=True, description="SHA-256, in hex")
    brand: fields.ForeignKeyRelation[Account] = fields.ForeignKeyField(
        "tenants.Account", related_name="sign_ups", on_delete=fields.CASCADE, description="On whose host"
    )
    email = fields.CharField(max_length=254)
    name = fields.CharField(max_length=200)
    company = fields.CharField(max_length=200)
    password_hash = fields.CharField(max_length=200)
    referral_code = fields.CharField(max_length=40, null=True)
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField()
    confirmed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "sign_up"
