"""What became of everything that was promised? The sums of a round, added up across rounds and runs in one JSON file."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.points import FULL, FULL_SERVICES, POINTS, SERVICES


@dataclass
class Sums:
    """Counts of recipients, except where said otherwise."""

    rounds: int = 0
    accepted: int = 0
    """Promised by a 250 or 202."""
    delivered: int = 0
    """Promised, and at least one copy arrived whole."""
    duplicates: int = 0
    """Copies beyond the first of a stored recipient."""
    unflagged: int = 0
    """Duplicates whose recipient is not marked uncertain: must be 0."""
    uncertain: int = 0
    """Marked uncertain: a remote may have it although no reply said so."""
    resubmissions: int = 0
    """Messages handed in again because no 250 had come."""
    resubmitted: int = 0
    """Recipients stored once more by such a second try."""
    held: int = 0
    """Given to a person: must be 0, because no message is to blame."""
    lost: int = 0
    """Promised or stored, and no copy arrived, or a broken one: must be 0."""

    def add(self, other: "Sums") -> None:
        """Add another round's."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    @property
    def sound(self) -> bool:
        """Every promise was kept."""
        return (self.unflagged, self.held, self.lost) == (0, 0, 0)


@dataclass
class Results:
    """Everything so far on one kind of broker."""

    sums: Sums = field(default_factory=Sums)
    hits: Counter[str] = field(default_factory=Counter)
    flying: list[int] = field(default_factory=list)
    """How many recipients were in flight, the median of each round."""

    @property
    def in_flight(self) -> int:
        """The same of all rounds."""
        return round(statistics.median(self.flying)) if self.flying else 0


@dataclass
class Books:
    """The file of all runs."""

    file: Path
    runs: int = 0
    brokers: dict[str, Results] = field(default_factory=lambda: {broker: Results() for broker in SERVICES})

    @classmethod
    def open(cls, file: Path) -> "Books":
        """Go on with what earlier runs have written, if anything."""
        books = cls(file)
        if file.exists():
            told = json.loads(file.read_text())
            books.runs = told["runs"]
            for broker, found in told["brokers"].items():
                books.brokers[broker] = Results(Sums(**found["sums"]), Counter(found["hits"]), found["flying"])
        return books

    def save(self) -> None:
        """Write everything; the file is never half there."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".new")
        brokers = {
            name: {"sums": asdict(of.sums), "hits": dict(of.hits), "flying": of.flying}
            for name, of in self.brokers.items()
        }
        draft.write_text(json.dumps({"runs": self.runs, "brokers": brokers}, indent=1) + "\n")
        draft.rename(self.file)

    def table(self) -> str:
        """The accounting for people."""
        lines = [f"| {'':<24} | {' | '.join(f'{broker:>10}' for broker in self.brokers)} |"]
        lines.append("|---" * (1 + len(self.brokers)) + "|")
        for name in asdict(Sums()):
            lines.append(_row(name, {broker: getattr(of.sums, name) for broker, of in self.brokers.items()}))
        lines.append(_row("in flight", {broker: of.in_flight for broker, of in self.brokers.items()}))
        lines += ["", f"| {'killed':<32} | {' | '.join(f'{b:>10}' for b in self.brokers)} | of |"]
        lines.append("|---" * (2 + len(self.brokers)) + "|")
        everything = {name: goal for broker in self.brokers for name, goal in goals(broker).items()}
        for name, goal in everything.items():
            lines.append(_row(f"`{name}`", {b: of.hits[name] for b, of in self.brokers.items()}) + f" {goal} |")
        return "\n".join(lines)


def goals(broker: str) -> dict[str, int]:
    """How often each point, and each thing done to a service, belongs into a complete proof on one kind of broker."""
    return {**dict.fromkeys(POINTS, FULL), **dict.fromkeys(SERVICES[broker], FULL_SERVICES)}


def account(
    promised: Mapping[str, str], stored: Mapping[str, "Stored"], copies: Mapping[str, int], *, broken: int = 0
) -> Sums:
    """The sums of one round, by recipient address; `broken` copies did not carry the letter's own bytes.

    `promised` has the message's id that the client was told, `copies` how many came.
    """
    sums = Sums(rounds=1, accepted=len(promised), lost=broken)
    for address, message_id in promised.items():
        arrived = bool(copies.get(address))
        sums.delivered += arrived
        sums.lost += not arrived or address not in stored or message_id not in stored[address].messages
    for address, row in stored.items():
        found = copies.get(address, 0)
        more = max(0, found - len(row.messages))
        sums.duplicates += more
        sums.unflagged += 0 if row.uncertain else more
        sums.uncertain += row.uncertain
        sums.resubmitted += len(row.messages) - 1
        sums.held += row.held
        # Stored and said to be delivered, promised or not: as many copies as rows at least.
        sums.lost += address not in promised and found == 0
        sums.lost += 0 < found < len(row.messages)
    return sums


def wrong(promised: Mapping[str, str], stored: Mapping[str, "Stored"], copies: Mapping[str, int]) -> list[str]:
    """The addresses that make the sums unsound."""

    def only[Value](of: Mapping[str, Value], address: str) -> dict[str, Value]:
        return {address: of[address]} if address in of else {}

    return [
        address
        for address in {*promised, *stored}
        if not account(only(promised, address), only(stored, address), only(copies, address)).sound
    ]


@dataclass(frozen=True)
class Stored:
    """What the database says of one address."""

    messages: frozenset[str]
    uncertain: bool
    held: bool


def _row(name: str, values: Mapping[str, int]) -> str:
    return f"| {name:<32} | " + " | ".join(f"{value:>10,}" for value in values.values()) + " |"
