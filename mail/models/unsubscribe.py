"""With which words and in which language is somebody offered to unsubscribe?"""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class UnsubscribeTag(Model):
    """What `<% unsubscribe ID %>` in a mail becomes: the account's own sentence with a link, and the page's language."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    number = fields.IntField(description="The id in the tag: 1, 2, 3 … within the account")
    text = fields.TextField(description="The disclaimer; what stands between [ and ] becomes the link")
    language = fields.CharField(max_length=2)
    created_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "unsubscribe_tag"
        unique_together = (("account_id", "number"),)
