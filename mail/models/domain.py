"""Which domains may an account send as, and which hosts are its own?"""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class HostKind(StrEnum):
    """What a host name under a customer's domain is for; each is a CNAME to the platform."""

    DASHBOARD = "dashboard"
    SMTP = "smtp"
    TRACKING = "tracking"
    RETURN_PATH = "return_path"


class Domain(Model):
    """A sender domain of one account. Signed with its own key once verified."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    name = fields.CharField(max_length=253, description="Lower case A-labels")
    verified_at = fields.DatetimeField(null=True, description="When its TXT token was last proven; null: not yet")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "domain"
        unique_together = (("account_id", "name"),)
        # That only one account holds a name verified is in the migration: unique (name) where verified_at is not null.


class DomainHost(Model):
    """A host under a domain and what it is for."""

    host = fields.CharField(max_length=253, primary_key=True)
    domain: fields.ForeignKeyRelation[Domain] = fields.ForeignKeyField(
        "mail.Domain", related_name="hosts", on_delete=fields.CASCADE
    )
    kind = fields.CharEnumField(HostKind, max_length=12)
    verified_at = fields.DatetimeField(null=True)

    class Meta:
        table = "domain_host"


class DkimKey(Model):
    """A signing key; RFC 6376. The private half is sealed to (account, domain, selector) and never stored otherwise."""

    id = fields.UUIDField(primary_key=True)
    domain: fields.ForeignKeyRelation[Domain] = fields.ForeignKeyField(
        "mail.Domain", related_name="keys", on_delete=fields.CASCADE
    )
    selector = fields.CharField(max_length=63)
    private_sealed = fields.BinaryField(description="PKCS #8 DER, sealed by kit.crypto")
    txt = fields.TextField(description="The DNS TXT value that publishes the public half")
    active = fields.BooleanField(description="Signs now; two keys may be published while one takes over")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "dkim_key"
        unique_together = (("domain_id", "selector"),)
