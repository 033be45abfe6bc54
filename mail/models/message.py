"""What was submitted? The envelope and what is shown of the message in one row, its bytes in another."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model


class Message(Model):
    """One accepted submission."""

    id = fields.UUIDField(primary_key=True)
    account_id = fields.UUIDField()
    credential_id = fields.UUIDField(null=True, description="What it was submitted with; null: by a member")
    door = fields.CharField(max_length=4, description="smtp or api; note: the platform's own")
    envelope_from = fields.TextField(description="MAIL FROM as given; empty: the null sender")
    sender = fields.TextField(description="From address as shown; empty where it has none")
    subject = fields.TextField(description="Decoded for people")
    message_id_header = fields.TextField(null=True, description="As submitted, without angle brackets")
    size = fields.IntField(description="Bytes as received")
    eight_bit = fields.BooleanField(description="Holds bytes above 127")
    smtputf8 = fields.BooleanField(description="Needs RFC 6531 at every hop")
    dsn_ret = fields.CharField(max_length=4, null=True, description="RFC 3461 RET: FULL or HDRS")
    dsn_envid = fields.CharField(max_length=100, null=True, description="RFC 3461 ENVID as given")
    trace = fields.TextField(description="The Received field that its door writes, without the field name")
    tag = fields.CharField(max_length=100, null=True, description="What the sender files it under")
    sandbox = fields.BooleanField(description="Never leaves the house")
    recipient_count = fields.IntField()
    accepted_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))
    expires_at = fields.DatetimeField(description="Given up after this: RFC 5321 §4.5.4.1")

    class Meta:
        table = "message"
        indexes = (("account_id", "id"),)


class Body(Model):
    """The bytes of a message exactly as received, CRLF lines; never changed."""

    message_id = fields.UUIDField(primary_key=True)
    content = fields.BinaryField()

    class Meta:
        table = "body"
