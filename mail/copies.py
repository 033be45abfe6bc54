"""Who gets a copy of a message besides those it is for? The rules in force, what they say to one message, and their end.

A copy is a recipient of its own, made with the others (`mail.intake`) and known by its rule: it is counted and paid like
them unless the operator waives it, is never tracked, and tells its reader what it is by the field MARK. Its bounce or
complaint ends the rule (`mail.effects.copies`) and puts nobody on a list. How a rule is made and confirmed: `mail.copy_rules`.
"""

import json
from dataclasses import dataclass
from uuid import UUID

from kit.ids import new_id
from mail.wire.address import AddressError, parse_mailbox

MARK = "X-Copy-Of"
"""The header field of a copy; its value is the Message-ID of the message."""


COMPLAINT = "complaint"
"""What stops a rule for good."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What rules ask of a message."""

    senders: frozenset[str]
    """The author and the envelope sender, as `key` writes them."""
    tag: str | None
    addresses: frozenset[str]
    """Whom it is for already, as `key` writes them."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One more recipient."""

    recipient_id: UUID
    rule_id: UUID
    address: str
    free: bool
    """Its account's copies cost nothing."""


# Asked in the row of an account with every batch that comes in: where there are no rules, nothing else is looked at.
RULES = """(select json_agg(json_build_array(c.id, c.address, c.sender, c.tag,
                     (select coalesce(bool_or(t.free_copies), false) from treatment t
                       where t.account_id = c.account_id and t.credential_id is null)) order by c.id)::text
             from copy_rule c
            where c.account_id = {account} and c.confirmed_at is not null and c.stopped_at is null)"""
"""The SQL of an account's rules in force, null where it has none; `made` reads it."""


def made(rules: str, letter: Letter) -> tuple[Copy, ...]:
    """The copies that the rules (what RULES brought) make of a message: one an address, none to whom it is for already."""
    found: dict[str, Copy] = {}
    for id, address, sender, tag, free in json.loads(rules):
        to = key(address)
        fits = (sender is None or key(sender) in letter.senders) and (tag is None or tag == letter.tag)
        if fits and to not in letter.addresses and to not in found:
            found[to] = Copy(new_id(), UUID(id), address, free)
    return tuple(found.values())


def mark(message_id: str) -> bytes:
    """The field that tells a copy's reader what it is; `message_id` with or without its angle brackets."""
    return f"{MARK}: <{message_id.strip('<> ')}>\r\n".encode("ascii", "replace")


def key(address: str) -> str:
    """An address as senders are compared: whatever its case, for who writes a rule means a person, not a spelling."""
    try:
        return str(parse_mailbox(address.strip())).lower()
    except AddressError:
        return address.strip().lower()
