"""Is a list read and written line by line, whatever stands in the lines?"""

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from kit import tables
from kit.db import Database
from kit.ids import new_id
from mail.suppressions import Reason, keeping, table
from mail.suppressions.table import Line, Outcome, Reader
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.support.world import World

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def read(text: str | bytes, reason: Reason = Reason.MANUAL) -> list[Line]:
    raw = text.encode() if isinstance(text, str) else text
    return list(Reader(reason).read(raw.splitlines(keepends=True), NOW))


def said(lines: list[Line]) -> list[tuple[int, str, str, str]]:
    return [(line.number, line.address, line.reason.value, line.fault) for line in lines]


def test_a_column_of_addresses_needs_no_header() -> None:
    assert said(read("ann@X.test\r\n\r\nbob@bücher.example\r\n")) == [
        (1, "ann@x.test", "manual", ""),
        (3, "bob@xn--bcher-kva.example", "manual", ""),
    ]


def test_columns_are_found_by_name_in_any_order_and_separator() -> None:
    text = "\ufeffReason;Created;Email Address\r\nunsubscribe;x;ann@x.test\nBounced;;bob@x.test\n;;cat@x.test\n"
    assert said(read(text, Reason.COMPLAINT)) == [
        (2, "ann@x.test", "unsubscribe", ""),
        (3, "bob@x.test", "bounce", ""),
        (4, "cat@x.test", "complaint", ""),
    ]


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        ("EmailAddress,SuppressionReason,Origin,CreatedAt", "ann@x.test,HardBounce,Recipient,2020-01-01", "bounce"),
        ("EmailAddress,SuppressionReason", "ann@x.test,SpamComplaint", "complaint"),
        ("EmailAddress,SuppressionReason", "ann@x.test,ManualSuppression", "manual"),
        ("recipient\ttype", "ann@x.test\tunsubscribed", "unsubscribe"),
        ("email", "ann@x.test", "manual"),
    ],
)
def test_files_of_other_services_are_understood(header: str, row: str, reason: str) -> None:
    assert said(read(f"{header}\n{row}\n")) == [(2, "ann@x.test", reason, "")]


@pytest.mark.parametrize(
    ("bad", "fault", "shown"),
    [
        (b"bounce,no address,", "the address has no domain", "no address"),
        (b'"bounce","a, b@x.test"', "the address is not written as one", "a, b@x.test"),
        (b'bounce,"ann@x.test', "the quotes of the line do not match", "ann@x.test"),
        (b"holiday,ann@X.test", "the reason is none of bounce, complaint, unsubscribe, manual", "ann@x.test"),
        (b"bounce,ann@x.test,soon", "the end is not written like 2027-05-31T00:00:00Z", "ann@x.test"),
        (b"bounce,ann@x.test,2026-11-22T00:00:00Z", "it has ended already", "ann@x.test"),
        (b"bounce,\xff@x.test,2027-01-01", "the line is not UTF-8", "\ufffd@x.test"),
        (b"," + b"a" * 5_000 + b"@x.test", "the line is too long", "a" * 100),
        (b"bounce,ann@x.test," + b"x" * 5_000, "the line is too long", "ann@x.test"),
        (b"bounce," + b"a" * 200, "the address has no domain", "a" * 100),
        (b"bounce", "the address has no domain", ""),
        (b'"bounce', "the quotes of the line do not match", ""),
        (b",a\x00b@x.test", "the address is not written as one", "a b@x.test"),
    ],
)
def test_a_bad_line_is_one_bad_line_and_shows_its_address(bad: bytes, fault: str, shown: str) -> None:
    lines = read(b"reason,address,expires\n,ann@x.test\n" + bad + b"\n,bob@x.test\n")
    assert [(line.number, line.address, line.fault) for line in lines] == [
        (2, "ann@x.test", ""),
        (3, shown, fault),
        (4, "bob@x.test", ""),
    ]


def test_what_is_written_reads_the_same_and_holds_no_formula() -> None:
    ends = NOW + timedelta(days=9)
    views = [
        keeping.View(new_id(), None, address, reason, source, None, NOW, expires)
        for address, reason, source, expires in (
            ("ann@x.test", Reason.BOUNCE, "event", ends),
            ("=cmd|'/C'!A0@x.test", Reason.MANUAL, '=HYPERLINK("http://evil")', None),
            ("+1@x.test", Reason.UNSUBSCRIBE, "asked, by phone", None),
            ("-@x.test", Reason.COMPLAINT, "@sum", None),
            ("'=x@x.test", Reason.MANUAL, "'", None),
            ('"a, b"@x.test', Reason.MANUAL, "member", None),
        )
    ]
    written = tables.written([table.COLUMNS, *map(table.entry_row, views)])
    fields = list(csv.reader(io.StringIO(written.decode())))
    assert fields[0] == ["address", "reason", "source", "created", "expires"]
    assert fields[1] == ["ann@x.test", "bounce", "event", "2026-11-23T00:00:00Z", "2026-12-02T00:00:00Z"]
    assert [field for row in fields for field in row if field[:1] in ("=", "+", "-", "@")] == []
    assert [(line.address, line.reason, line.expires_at, line.fault) for line in read(written)] == [
        (view.address, view.reason, view.expires_at, "") for view in views
    ]


async def test_every_line_is_reported_and_the_good_ones_are_on_the_list(world_db: Database, world: World) -> None:
    scope = Scope(world.shop.id, may=frozenset({Permission.SEND, Permission.READ}))
    lines = read(
        "address,reason\nann@x.test,bounce\nbob@x.test\nANN@x.test\nann@X.test,bounce\nnobody\nann@x.test,spam\n"
    )

    async def load() -> list[tuple[int, str]]:
        async with world_db.transaction() as conn:
            report = await table.load(conn, scope, world.shop.id, lines)
        return [(one.line.number, one.outcome.value) for one in report]

    added, duplicate, bad = Outcome.ADDED.value, Outcome.DUPLICATE.value, Outcome.BAD.value
    assert await load() == [(2, added), (3, added), (4, added), (5, duplicate), (6, bad), (7, added)]
    assert await load() == [(2, duplicate), (3, duplicate), (4, duplicate), (5, duplicate), (6, bad), (7, duplicate)]
    async with world_db.connection() as conn:
        entries = await keeping.entries(conn, scope, world.shop.id, filter=keeping.Filter(), first=10, after=None)
        wrote = await conn.fetch("select action, account_id, changes::text as changes from audit_entry")
    assert sorted((one.address, one.reason.value, one.source, one.expires_at is None) for one in entries) == [
        ("ANN@x.test", "manual", "import", True),
        ("ann@x.test", "bounce", "import", False),
        ("ann@x.test", "complaint", "import", True),
        ("bob@x.test", "manual", "import", True),
    ]
    expected: list[tuple[str, UUID, str]] = [("suppression.import", world.shop.id, '{"added": [null, 4]}')]
    assert [tuple(row.values()) for row in wrote] == expected
