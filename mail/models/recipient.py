"""Where does a message stand with one recipient? This row is also its place in the queue."""

from tortoise import fields
from tortoise.fields.db_defaults import SqlDefault
from tortoise.models import Model

from mail.lifecycle import State


class Recipient(Model):
    """One RCPT TO of one message.

    `next_attempt_at` is the due time of a waiting row and the end of the lease of one that is being sent; null once the
    row is settled or held. A claim writes state `sending`, a new fence, attempts+1 and the lease's end before anything is
    connected to, so a crash loop cannot hammer anybody (`mail.dispatch`).
    """

    id = fields.UUIDField(primary_key=True)
    message_id = fields.UUIDField()
    account_id = fields.UUIDField()
    address = fields.TextField(description="As given in RCPT TO")
    domain = fields.CharField(max_length=255, description="Lower case A-labels")
    state = fields.CharEnumField(State, max_length=10, db_default="queued")
    priority = fields.SmallIntField(db_default=1, description="0 first")
    attempts = fields.SmallIntField(db_default=0, description="Attempts begun")
    lapses = fields.SmallIntField(db_default=0, description="Attempts whose worker never came back")
    fence = fields.IntField(
        db_default=0, description="Grows with each claim; an outcome with an old one is not recorded"
    )
    next_attempt_at = fields.DatetimeField(null=True, db_default=SqlDefault("livery_now()"))
    notify = fields.CharField(max_length=30, null=True, description="RFC 3461 NOTIFY")
    orcpt = fields.TextField(null=True, description="RFC 3461 ORCPT as given")
    code = fields.SmallIntField(null=True, description="Last reply: 550")
    status = fields.CharField(max_length=12, null=True, description="Last enhanced status: 5.1.1")
    reply = fields.TextField(null=True, description="Last reply's text")
    cause = fields.CharField(max_length=40, null=True, description="Why, in the words of mail.verdict")
    copy_rule_id = fields.UUIDField(
        null=True, description="A copy for this rule's address; null: whom the sender named"
    )
    free = fields.BooleanField(
        db_default=False, description="Not charged: suppressed when it was accepted, or a copy that costs nothing"
    )
    uncertain = fields.BooleanField(db_default=False, description="A remote may have it although no reply said so")
    opened_at = fields.DatetimeField(null=True)
    clicked_at = fields.DatetimeField(null=True)
    unsubscribed_at = fields.DatetimeField(null=True)
    complained_at = fields.DatetimeField(null=True)
    updated_at = fields.DatetimeField(db_default=SqlDefault("livery_now()"))

    class Meta:
        table = "recipient"
        # The queue's own index (account_id, priority, next_attempt_at) where next_attempt_at is not null is in the migration.
        indexes = (("message_id",), ("account_id", "id"))
