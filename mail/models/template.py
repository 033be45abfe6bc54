"""What is put around and under what customers send? Templates and footers, and who uses which."""

from enum import StrEnum

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class TemplateKind(StrEnum):
    """Around the body, or under it."""

    TEMPLATE = "template"
    FOOTER = "footer"


class Template(Model):
    """A named piece of HTML and text. A template holds `<% body %>` once in each."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    kind = fields.CharEnumField(TemplateKind, max_length=8)
    name = fields.CharField(max_length=100)
    language = fields.CharField(max_length=2, null=True, description="Of a footer: for mail in this language")
    html = fields.TextField(description="Sanitised")
    text = fields.TextField()
    is_default = fields.BooleanField(db_default=False, description="For mail that names no other")
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    updated_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "template"
        unique_together = (("account_id", "kind", "name"),)


class Treatment(Model):
    """What is done to mail of an account, or of one of its credentials, on the way out; null: as the account says."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    credential_id = fields.UUIDField(null=True, description="Null: the account's own, for all its mail")
    template_id = fields.UUIDField(null=True)
    footer_id = fields.UUIDField(null=True)
    track_opens = fields.BooleanField(null=True)
    track_clicks = fields.BooleanField(null=True)
    track_text = fields.BooleanField(null=True, description="Links of plain text too")
    list_unsubscribe = fields.BooleanField(null=True, description="The header without a tag in the text too")
    unsubscribe_tag_id = fields.UUIDField(null=True, description="The words and language of links that name no tag")
    forward_returns = fields.BooleanField(null=True, description="Bounces go on to the sender, after they are judged")
    whole_ip = fields.BooleanField(null=True, description="Visits keep the whole address, not its network alone")
    visit_days = fields.SmallIntField(null=True, description="Days that visits are kept; null: 400")
    free_copies = fields.BooleanField(
        db_default=False, description="Of an account's own: its copies cost nothing, as the operator has decided"
    )
    updated_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "treatment"
        # One an account and one a credential: unique in the migration, nulls count as equal.
