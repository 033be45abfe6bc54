"""What must be true of a message before it leaves, and what is made of it? Named steps; any of them may stop it.

This list is the product's specification of the way out. A step looks at one message by itself and either lets it pass
or says why it has to wait for a person; nothing here touches the network or the database, which were asked for the
whole batch before. The bytes are finished later and once for each kind of hop (`Finished`), because only then is
known what the hop takes; before that, and for each recipient by itself where they differ, template, footer, links, pixel
and unsubscribe fields are put in (`mail.dispatch.treated`).
"""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from kit.crypto import Keyring
from mail import copies
from mail.dispatch import outcomes
from mail.dispatch.claim import Claimed
from mail.dispatch.treated import Treated
from mail.transports import Hop, OutgoingMail, OutgoingRecipient, Source
from mail.wire import message, returnpath
from mail.wire.additions import Added
from mail.wire.dkim import SigningKey
from mail.wire.headers import scan


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
    returns: str | None = None
    """The host of its own under which its return paths stand; None: the mail domain."""


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

    def __init__(
        self, content: bytes, plan: message.Finishing, add: Callable[[], Added] | None = None, *, own: bool = False
    ) -> None:
        """`add` gives the message with its additions, in the place of `content`; it is asked once, when it is sent."""
        self.own = own
        """It is for one recipient alone."""
        self._content = content
        self._plan = plan
        self._add = add
        self._made: dict[bool, bytes] = {}
        # Large messages are finished in threads, and lanes of several recipients may ask at once.
        self._turn = threading.Lock()
        self.note: str | None = None
        """What could not be done as its account wanted it, once it was made."""

    def __call__(self, hop: Hop) -> bytes:
        """The bytes for this hop."""
        with self._turn:
            if self._add is not None:
                added, self._add = self._add(), None
                self._content, self.note = added.content, added.note
            made = self._made.get(hop.eight_bit)
            if made is None:
                if self.own:
                    # Nobody else asks, and whoever asks again does so for another hop.
                    self._made.clear()
                made = self._made[hop.eight_bit] = message.finish(self._content, self._plan, eight_bit=hop.eight_bit)
            return made


def finishing(matter: Matter, mail_domain: str, treated: Treated | None = None) -> Callable[[Claimed], Finished]:
    """How this message is to be finished for each recipient. Call it for a message that no step stopped."""
    first = matter.first
    plan = message.Finishing(
        trace=first.trace,
        date=first.accepted_at,
        message_id=f"{first.message_id.hex}@{mail_domain}",
        keys=(matter.key,) if matter.key else (),
    )
    content = matter.content or b""
    shared: dict[bool, Finished] = {}

    def finished(claimed: Claimed) -> Finished:
        add = None if treated is None else functools.partial(treated.make, claimed)
        if treated is not None and treated.personal(claimed):
            return Finished(b"", plan, add, own=True)
        copy = claimed.copy_rule_id is not None
        if copy not in shared:
            shared[copy] = Finished(content, _marked(plan, content) if copy else plan, add)
        return shared[copy]

    return finished


def _marked(plan: message.Finishing, content: bytes) -> message.Finishing:
    """A copy tells its reader what it is."""
    message_id = scan(content).get("message-id") or plan.message_id.encode("ascii")
    return replace(plan, fields=(copies.mark(message_id.decode("ascii", "replace")),))


def outgoing(
    claimed: Claimed,
    content: Callable[[Hop], bytes],
    keyring: Keyring,
    domain: str,
    *,
    source: Source | None = None,
) -> OutgoingMail:
    """The transaction of one recipient, whose envelope sender is its own signed return path under `domain`.

    A message that was submitted with the null sender is a notification and keeps it, so that nothing ever answers it
    (RFC 5321 §4.5.5).
    """
    sender = f"{returnpath.encode(keyring, claimed.id)}@{domain}" if claimed.envelope_from else ""
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
