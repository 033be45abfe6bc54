"""How is a list read from and written as CSV? Line by line, so that a bad line is one bad line however long the file is.

Written: address, reason, source, created, expires. Read: the same, or a file of another sending service. The first line may
name the columns in any order; without one, the first column is the address. Separators are commas, semicolons or tabs, one
entry is one line, encoding UTF-8.

What is written has no formulas in it, and what marks them as none is taken off again when it is read (`kit.tables`).
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from kit.db import Connection
from kit.tables import unguarded
from mail.models.suppression import SuppressionReason
from mail.suppressions.entries import Newcomer, key, put
from mail.suppressions.keeping import View
from mail.wire.address import AddressError, parse_mailbox
from tenants import audit
from tenants.permissions import Permission
from tenants.scope import Scope

SLICE = 500
"""Lines that are imported in one transaction."""
_LONGEST = 2_000
"""Bytes of a line. An address has 320 at most."""
_SHOWN = 100
"""Characters of a bad line that the report repeats."""

COLUMNS = ("address", "reason", "source", "created", "expires")
REPORT = ("line", "address", "outcome", "detail")

# What other services call the same.
_ADDRESS = {"address", "email", "emailaddress", "email_address", "recipient", "destination"}
_REASON = {"reason", "suppressionreason", "suppression_reason", "type", "list"}
_EXPIRES = {"expires", "expiresat", "expires_at"}
_REASONS = {
    **{reason.value: reason for reason in SuppressionReason},
    **dict.fromkeys(("bounced", "bounces", "hardbounce", "hard_bounce", "hard"), SuppressionReason.BOUNCE),
    **dict.fromkeys(
        ("complained", "complaints", "spamcomplaint", "spam_complaint", "spam"), SuppressionReason.COMPLAINT
    ),
    **dict.fromkeys(("unsubscribed", "unsubscribes"), SuppressionReason.UNSUBSCRIBE),
    **dict.fromkeys(("manualsuppression", "manual_suppression"), SuppressionReason.MANUAL),
}


class Outcome(StrEnum):
    """What became of a line."""

    ADDED = "added"
    DUPLICATE = "duplicate"  # on the list already, or earlier in the file
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, read."""

    number: int
    """From 1, as an editor counts."""
    address: str
    """As compared; of a bad line what stands in the place of the address, or its beginning."""
    reason: SuppressionReason = SuppressionReason.MANUAL
    expires_at: datetime | None = None
    fault: str = ""
    """What is wrong with it; empty where nothing is."""


@dataclass
class Reader:
    """Reads one file; it remembers what the first line said about the others."""

    reason: SuppressionReason = SuppressionReason.MANUAL
    """Of lines that name none."""
    _separator: str = field(default=",", init=False)
    _columns: dict[str, int] | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)

    def read(self, lines: Iterable[bytes], now: datetime) -> Iterator[Line]:
        """What these lines say, empty ones and the names of columns left out; call it again with those that follow."""
        for raw in lines:
            self._number += 1
            found = self._line(raw, now)
            if found is not None:
                yield found

    def _line(self, raw: bytes, now: datetime) -> Line | None:
        if len(raw) > _LONGEST:
            return self._bad(self._cell(raw[:_LONGEST]), "the line is too long")
        try:
            text = raw.decode("utf-8-sig" if self._number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError:
            return self._bad(self._cell(raw), "the line is not UTF-8")
        if not text.strip():
            return None
        if self._columns is None:
            self._separator = next((one for one in "\t;," if one in text), ",")
        try:
            [values] = csv.reader([text], delimiter=self._separator, strict=True)
        except (csv.Error, ValueError):
            return self._bad(self._cell(raw), "the quotes of the line do not match")
        if self._columns is None:
            self._columns = _named(values)
            if self._columns is not None:
                return None
            self._columns = {"address": 0}
        return self._entry([unguarded(value.strip()) for value in values], now)

    def _entry(self, values: Sequence[str], now: datetime) -> Line:
        columns = self._columns or {}
        given = {name: values[at] if at < len(values) else "" for name, at in columns.items()}
        try:
            address = key(str(parse_mailbox(given["address"])))
        except AddressError as fault:
            return self._bad(given["address"], str(fault))
        reason, name = self.reason, given.get("reason", "").lower().replace(" ", "")
        if name:
            if name not in _REASONS:
                return self._bad(address, f"the reason is none of {', '.join(SuppressionReason)}")
            reason = _REASONS[name]
        ends = None
        if given.get("expires"):
            try:
                ends = datetime.fromisoformat(given["expires"])
                ends = ends.astimezone(UTC) if ends.tzinfo else ends.replace(tzinfo=UTC)
            except (ValueError, OverflowError):  # the latter: UTC's calendar has no year for it
                return self._bad(address, "the end is not written like 2027-05-31T00:00:00Z")
            if ends <= now:
                return self._bad(address, "it has ended already")
        return Line(self._number, address, reason, ends)

    def _cell(self, raw: bytes) -> str:
        """What stands in the place of the address in a line that cannot be read, as far as that can be told."""
        cells = raw.decode("utf-8", "replace").split(self._separator)
        at = (self._columns or {}).get("address", 0)
        return cells[at].strip('" \r\n') if at < len(cells) else ""

    def _bad(self, shown: str, fault: str) -> Line:
        printable = "".join(char if char.isprintable() else " " for char in shown)
        return Line(self._number, printable[:_SHOWN], fault=fault)


@dataclass(frozen=True, slots=True)
class Reported:
    """A line and what became of it."""

    line: Line
    outcome: Outcome


async def load(conn: Connection, scope: Scope, owner: UUID | None, lines: Sequence[Line]) -> list[Reported]:
    """Put the good ones of at most SLICE lines on a list, all or none; `owner` is what `keeping.whose` said."""
    scope.require(Permission.SEND)
    good = [line for line in lines if not line.fault]
    made = await put(
        conn, [Newcomer(owner, one.address, one.reason, "import", expires_at=one.expires_at) for one in good]
    )
    news = set(made)
    report = []
    for line in lines:
        entry = (owner, line.address, line.reason)
        if line.fault:
            report.append(Reported(line, Outcome.BAD))
        elif entry in news:
            news.discard(entry)
            report.append(Reported(line, Outcome.ADDED))
        else:
            report.append(Reported(line, Outcome.DUPLICATE))
    if made:
        await audit.note(
            conn,
            scope,
            "suppression.import",
            account_id=owner or scope.account_id,
            changes={"added": (None, len(made))},
        )
    return report


def entry_row(view: View) -> tuple[object, ...]:
    """An entry in the order of COLUMNS."""
    return (view.address, view.reason.value, view.source, view.created_at, view.expires_at)


def report_row(reported: Reported) -> tuple[str, ...]:
    """A line's fate in the order of REPORT."""
    line = reported.line
    return (str(line.number), line.address, reported.outcome.value, line.fault)


def _named(values: Sequence[str]) -> dict[str, int] | None:
    """Where the columns are, by the names in a first line; None where it names none."""
    names = [value.strip().lower().replace(" ", "") for value in values]
    found: dict[str, int] = {}
    for name, known in (("address", _ADDRESS), ("reason", _REASON), ("expires", _EXPIRES)):
        at = next((at for at, one in enumerate(names) if one in known), None)
        if at is not None:
            found[name] = at
    return found if "address" in found else None
