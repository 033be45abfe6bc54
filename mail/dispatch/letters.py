"""May this letter be made now? A message for one recipient, what it takes of memory, and its place there.

What a batch takes of the budget for a message (`mail.dispatch.prepare`) holds it as received and as it goes out, once for
all its recipients. Where it is made for each by itself (`mail.dispatch.treated`) that is room for one letter: one of a
message may always go, so nothing ever waits for itself. Further ones take what the budget has to spare. Whoever finds no
room is put aside before anything is said to its receiver; the lane goes on with others, and gets it back when there is
room: a receiver that hangs holds the room of its own letter and nobody else's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from mail.dispatch.budget import Budget
from mail.dispatch.leases import Lease
from mail.dispatch.steps import Finished
from mail.transports import OutgoingMail


@dataclass(eq=False, slots=True)
class Parcel:
    """A message in memory, until its last recipient is settled."""

    size: int
    """What it took of the budget."""
    recipients: int
    busy: bool = field(default=False, init=False)
    """A letter is being delivered in the room that it took."""


@dataclass(eq=False, slots=True)
class Letter:
    """A message for one recipient, ready to be delivered."""

    lease: Lease
    mail: OutgoingMail
    parcel: Parcel
    finished: Finished
    weight: int = 0
    """Bytes that it takes of its own while it is delivered; 0: it shares what its parcel took, or is small."""
    _taken: int | None = field(default=None, init=False)

    @property
    def note(self) -> str | None:
        """What could not be done to it as its account wanted it."""
        return self.finished.note


class Room:
    """The memory of one process for letters."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._aside: list[tuple[Letter, Callable[[], None]]] = []

    async def take(self, size: int) -> None:
        """Wait until a batch may read so many bytes."""
        await self._budget.take(size)

    def admit(self, letter: Letter, again: Callable[[], None]) -> bool:
        """Whether this letter may be made now. Where not, `again` is called as soon as another try is worth it."""
        if not letter.weight:
            return True
        if not letter.parcel.busy:
            letter.parcel.busy, letter._taken = True, 0
        elif self._budget.spare(letter.weight):
            letter._taken = letter.weight
        else:
            self._aside.append((letter, again))
            return False
        return True

    def settled(self, letter: Letter) -> None:
        """The letter is done with, whether or not it was admitted; with its parcel's last one the parcel is."""
        parcel, taken = letter.parcel, letter._taken
        letter._taken = None
        if taken == 0:
            parcel.busy = False
        parcel.recipients -= 1
        self.give((taken or 0) + (parcel.size if not parcel.recipients else 0))

    def give(self, size: int) -> None:
        """Return bytes, and call those who wait for room."""
        self._budget.give(size)
        if self._aside:
            aside, self._aside = self._aside, []
            for letter, again in aside:
                if not letter.parcel.busy or self._budget.has(letter.weight):
                    again()
                else:
                    self._aside.append((letter, again))

    def close(self) -> None:
        """Forget those who wait."""
        self._aside.clear()
