"""What must be true of a message before it leaves, and what is made of it? Named steps; any of them may stop it.

This list is the product's specification of the way out. A step looks at one message by itself and either lets it pass
or says why it has to wait for a person; nothing here touches the network or the database, which were asked for the
whole batch before. The bytes are finished later and once for each kind of hop (`Finished`), because only then is
known what the hop takes.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kit.crypto import Keyring
from mail.dispatch import outcomes
from mail.dispatch.claim import Claimed
from mail.transports import Hop, OutgoingMail, OutgoingRecipient, Source
from mail.wire import message, returnpath
from mail.wire.dkim import SigningKey


@dataclass(frozen=True, slots=True)
class Matter:
    """All that the steps may ask about one message."""

    first: Claimed
    """Any of its recipients; what it says of the message is the same for all."""
    content: bytes | None
    """As received; None where the bytes are gone."""
    suspended: bool
    """Its account, or one above, is suspended, and this is not the platform's own letter."""
    key: SigningKey | None
    """What signs for its From domain; None where not even the platform's neutral domain has a key."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The message is held, for this reason."""

    cause: str
    words: str


def account_active(matter: Matter) -> Stop | None:
    """A suspended account's mail waits until it is resumed."""
    if matter.suspended:
        return Stop(outcomes.SUSPENDED, "The account is suspended; its mail waits until it is resumed.")
    return None


def content_there(matter: Matter) -> Stop | None:
    """Bytes that retention has deleted cannot be sent."""
    if matter.content is None:
        return Stop("content_gone", "The content of this message has been deleted; send it again.")
    return None


def signed(matter: Matter) -> Stop | None:
    """Everything that leaves is signed: at the least by the platform's neutral domain."""
    if matter.key is None:
        return Stop("no_signing_key", "There is no domain that could sign this message; the operator has to add one.")
    return None


STEPS: tuple[Callable[[Matter], Stop | None], ...] = (account_active, content_there, signed)


def stopped(matter: Matter) -> Stop | None:
    """The first step that stops the message; None where it may leave."""
    for step in STEPS:
        stop = step(matter)
        if stop is not None:
            return stop
    return None


class Finished:
    """The message as it goes out: finished and signed once for each kind of hop, whoever asks first."""

    def __init__(self, content: bytes, plan: message.Finishing) -> None:
        self._content = content
        self._plan = plan
        self._made: dict[bool, bytes] = {}
        # Large messages are finished in threads, and lanes of several recipients may ask at once.
        self._turn = threading.Lock()

    def __call__(self, hop: Hop) -> bytes:
        """The bytes for this hop."""
        with self._turn:
            made = self._made.get(hop.eight_bit)
            if made is None:
                made = self._made[hop.eight_bit] = message.finish(self._content, self._plan, eight_bit=hop.eight_bit)
            return made


def finishing(matter: Matter, mail_domain: str) -> Finished:
    """How this message is to be finished. Call it for a message that no step stopped."""
    first = matter.first
    plan = message.Finishing(
        trace=first.trace,
        date=first.accepted_at,
        message_id=f"{first.message_id.hex}@{mail_domain}",
        keys=(matter.key,) if matter.key else (),
    )
    return Finished(matter.content or b"", plan)


def outgoing(
    claimed: Claimed,
    content: Callable[[Hop], bytes],
    keyring: Keyring,
    mail_domain: str,
    *,
    source: Source | None = None,
) -> OutgoingMail:
    """The transaction of one recipient, whose envelope sender is its own signed return path.

    A message that was submitted with the null sender is a notification and keeps it, so that nothing ever answers it
    (RFC 5321 §4.5.5).
    """
    sender = f"{returnpath.encode(keyring, claimed.id)}@{mail_domain}" if claimed.envelope_from else ""
    return OutgoingMail(
        sender=sender,
        recipients=(OutgoingRecipient(claimed.id, claimed.address, claimed.notify, claimed.orcpt),),
        content=content,
        domain=claimed.domain,
        smtputf8=claimed.smtputf8,
        eight_bit=claimed.eight_bit,
        ret=claimed.dsn_ret,
        envid=claimed.dsn_envid,
        size=claimed.size,
        source=source,
    )
