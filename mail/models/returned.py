"""What came back to a return path? The raw mail, kept until `mail.returns` has judged it."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class ReturnedMail(Model):
    """One mail to the signed return path of one recipient."""

    id = fields.UUIDField(primary_key=True)
    recipient_id = fields.UUIDField()
    content = fields.BinaryField()
    kind = fields.CharField(
        max_length=10,
        null=True,
        description="bounce, delay, delivered, complaint, autoreply, unknown; null: not judged",
    )
    judged_at = fields.DatetimeField(null=True)
    received_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "returned_mail"
