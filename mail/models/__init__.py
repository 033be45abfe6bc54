"""The tables of mail, one file a noun; no logic. Tortoise finds the models by these names.

The rows that every message writes (message, body, recipient, event, attempt) carry no foreign keys: they are written
together in one transaction by `mail.intake` and `mail.ledger`, and a check of each reference would cost more than the row.
"""

from mail.models.copy_rule import CopyRule
from mail.models.domain import DkimKey, Domain, DomainHost, HostKind
from mail.models.event import Attempt, Event, LedgerEpoch
from mail.models.message import Body, Message
from mail.models.recipient import Recipient
from mail.models.returned import ReturnedMail
from mail.models.suppression import Suppression, SuppressionReason
from mail.models.tally import FoldPosition, Standing, Tally
from mail.models.template import Template, TemplateKind, Treatment
from mail.models.unsubscribe import UnsubscribeTag
from mail.models.visit import KilledLink, LongTarget, Visit

__all__ = [
    "Attempt",
    "Body",
    "CopyRule",
    "DkimKey",
    "Domain",
    "DomainHost",
    "Event",
    "FoldPosition",
    "HostKind",
    "KilledLink",
    "LedgerEpoch",
    "LongTarget",
    "Message",
    "Recipient",
    "ReturnedMail",
    "Standing",
    "Suppression",
    "SuppressionReason",
    "Tally",
    "Template",
    "TemplateKind",
    "Treatment",
    "UnsubscribeTag",
    "Visit",
]
