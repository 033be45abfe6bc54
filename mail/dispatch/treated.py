"""What is put into the message of one recipient? Template, footer, links, pixel and the unsubscribe fields, as was chosen.

A message is read once for all its recipients in a batch (`mail.wire.additions.opened`), and written for each as late as it is
sent. Where nothing of it differs between recipients they share what was made. Copies (`mail.copies`) get template and footer
like the others, but no link of ours, no pixel and no way to unsubscribe somebody else.

What accounts have chosen is remembered for half a minute, like signing keys; mail of an account that has chosen nothing,
and that says nothing of itself, is not looked at.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from uuid import UUID

import structlog

from kit.crypto import Keyring
from kit.db import Database
from mail import tracking
from mail.dispatch.away import patiently
from mail.dispatch.claim import Claimed
from mail.tracking import Tracker
from mail.treatments import Asked, Treatment, Wishes, speaks, treatments_of, wishes
from mail.unsubscribes import Offer
from mail.wire import additions, headers
from mail.wire.additions import Added, Additions, Opened
from mail.wire.lines import canonical
from mail.wire.places import Piece
from mail.wire.tracked import Whose
from mail.wire.unsubscribe import Words

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_REMEMBER = 30.0
# So many answers are remembered, and characters of templates and footers in them.
_MOST, _MOST_CHARACTERS = 2_000, 16_000_000
# From so many bytes on a message is read in a thread: the loop has other things to do for milliseconds.
_THREAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Treated:
    """One message, read, and what is to be done to it."""

    opened: Opened
    treatment: Treatment
    wishes: Wishes
    keyring: Keyring
    mail_domain: str

    def personal(self, claimed: Claimed) -> bool:
        """Whether this recipient's message is like nobody else's."""
        treatment = self.treatment
        return claimed.copy_rule_id is None and (
            treatment.track_opens or treatment.track_clicks or treatment.list_unsubscribe or bool(self._tags)
        )

    def make(self, claimed: Claimed) -> Added:
        """The message of one recipient. What its account lacks stands in the note beside what could not be done."""
        added = self.opened.add(self._additions(claimed))
        unchanged = [f"not changed: {added.note}"] if added.note else []
        notes = [*unchanged, *self.treatment.lacks]
        return replace(added, note="; ".join(notes)) if notes else added

    def long_targets(self, claimed: Claimed) -> list[str]:
        """What its links lead to by an id alone."""
        if not self.treatment.track_clicks:
            return []
        tracker = self._tracker(claimed)
        urls = self.opened.urls(text=self.treatment.track_text)
        urls += [url for piece in self._pieces() for url in additions.urls_of(piece, text=self.treatment.track_text)]
        return [url for url in dict.fromkeys(urls) if tracker.is_long(url)]

    def _additions(self, claimed: Claimed) -> Additions:
        treatment = self.treatment
        template, footer = treatment.template, treatment.footer(self.wishes.language)
        if claimed.copy_rule_id is not None:
            return Additions(template, footer, unsubscribe=_nothing)
        tracker, offer = self._tracker(claimed), self._offer(claimed)
        unsaid = self.wishes.unsubscribe is None
        return Additions(
            template,
            footer,
            link=tracker.link if treatment.track_clicks else None,
            text_links=treatment.track_text,
            pixel=tracker.pixel() if treatment.track_opens else None,
            unsubscribe=offer.words,
            # A message that wishes none has none, whatever stands in its text.
            fields=offer.fields(self._speaker) if treatment.list_unsubscribe or (self._tags and unsaid) else (),
        )

    def _pieces(self) -> list[Piece]:
        pieces = (self.treatment.template, self.treatment.footer(self.wishes.language))
        return [piece for piece in pieces if piece is not None]

    @property
    def _tags(self) -> tuple[int | None, ...]:
        """What the tags name that are in the message, and then those in what is put into it."""
        return (*self.opened.tags, *(number for piece in self._pieces() for number in additions.tags_of(piece)))

    @property
    def _speaker(self) -> int | None:
        """The tag whose language the header's link speaks: what the message wishes, else the first that stands in it."""
        have = {tag.number for tag in self.treatment.tags}
        return next((number for number in (self.wishes.tag, *self._tags) if number in have), None)

    def _tracker(self, claimed: Claimed) -> Tracker:
        whose = Whose(claimed.account_id, claimed.id, claimed.accepted_at.astimezone(UTC).date())
        return Tracker(self.keyring, self.treatment.base, whose)

    def _offer(self, claimed: Claimed) -> Offer:
        treatment = self.treatment
        return Offer(
            self.keyring,
            treatment.base,
            self.mail_domain,
            claimed.account_id,
            claimed.id,
            claimed.address,
            treatment.tags,
            next((tag.id for tag in treatment.tags if tag.number == self.wishes.tag), treatment.tag_id),
        )


def _nothing(number: int | None) -> Words:
    return Words("", "", "#")


class Treating:
    """What one process knows of what is to be done, and the reading of messages for it."""

    def __init__(self, db: Database, keyring: Keyring, *, mail_domain: str, public_url: str) -> None:
        self._db = db
        self._keyring = keyring
        self._mail_domain = mail_domain
        self._public_url = public_url
        self._known: dict[Asked, tuple[float, Treatment]] = {}
        self._characters = 0

    async def treat(self, messages: Sequence[tuple[Claimed, bytes, bool]]) -> dict[UUID, Treated | Exception]:
        """Read those that something is to be done to: each with its content, and whether its account has chosen anything.

        By message; where ours failed over one of them, why.
        """
        wanted: list[tuple[Claimed, bytes, Asked, Wishes]] = []
        for claimed, content, chosen in messages:
            if not claimed.ours and (chosen or speaks(content)):
                wished = wishes(headers.scan(content))  # never fails
                asked = Asked(claimed.account_id, claimed.credential_id, wished.template, wished.footer)
                wanted.append((claimed, content, asked, wished))
        if not wanted:
            return {}
        known = await patiently(lambda: self._treatments({asked for _, _, asked, _ in wanted}))
        found: dict[UUID, Treated | Exception] = {}
        targets: list[tuple[UUID, str]] = []
        for claimed, content, asked, wished in wanted:
            treatment = _wished(known[asked], wished)
            try:
                large = len(content) >= _THREAD
                opened = await asyncio.to_thread(_opened, content) if large else _opened(content)
                treated = Treated(opened, treatment, wished, self._keyring, self._mail_domain)
                targets += [(claimed.account_id, url) for url in treated.long_targets(claimed)]
            # One message's fault must not become its neighbours'.
            except Exception as fault:
                found[claimed.message_id] = fault
                continue
            found[claimed.message_id] = treated
            await asyncio.sleep(0)
        if targets:
            await patiently(lambda: self._keep(targets))
        return found

    async def _treatments(self, asked: Collection[Asked]) -> dict[Asked, Treatment]:
        now = time.monotonic()
        if len(self._known) >= _MOST or self._characters >= _MOST_CHARACTERS:
            self._known.clear()
            self._characters = 0
        unknown = [one for one in asked if one not in self._known or now - self._known[one][0] >= _REMEMBER]
        if unknown:
            async with self._db.connection() as conn:
                found = await treatments_of(conn, unknown, public_url=self._public_url)
            self._known.update((one, (now, treatment)) for one, treatment in found.items())
            self._characters += sum(treatment.characters for treatment in found.values())
        return {one: self._known[one][1] for one in asked}

    async def _keep(self, targets: Sequence[tuple[UUID, str]]) -> None:
        async with self._db.connection() as conn:
            await tracking.keep(conn, targets)


def _opened(content: bytes) -> Opened:
    return additions.opened(canonical(content))


def _wished(treatment: Treatment, wished: Wishes) -> Treatment:
    return replace(
        treatment,
        track_opens=treatment.track_opens if wished.opens is None else wished.opens,
        track_clicks=treatment.track_clicks if wished.clicks is None else wished.clicks,
        list_unsubscribe=treatment.list_unsubscribe if wished.unsubscribe is None else wished.unsubscribe,
    )
