"""Does a program read exactly what was written, and a spreadsheet run none of it?"""

import csv
import io
from datetime import datetime, timedelta, timezone

import pytest

from kit import tables

HOSTILE = [
    '=HYPERLINK("http://evil.test")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "''@x",
    "\N{FULLWIDTH EQUALS SIGN}1", "\N{FULLWIDTH COMMERCIAL AT}x",
]  # fmt: skip
HARMLESS = ["", "a", "a=b", "'", "'a", 'with "quotes", commas\nand lines', "Zürich", "１"]


def test_rows_read_as_they_were_written() -> None:
    moment = datetime(2026, 11, 23, 19, 15, tzinfo=timezone(timedelta(hours=1)))
    out = tables.written([["a", None, 3, moment], HARMLESS])
    assert out.startswith(b"a,,3,2026-11-23T18:15:00Z\r\n")
    assert list(csv.reader(io.StringIO(out.decode(), newline="")))[1] == HARMLESS


@pytest.mark.parametrize("text", HOSTILE)
def test_no_field_begins_like_a_formula_and_each_can_be_had_back(text: str) -> None:
    [[field]] = csv.reader(io.StringIO(tables.written([[text]]).decode(), newline=""))
    assert field == "'" + text
    assert tables.unguarded(field) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert tables.unguarded(tables.guarded(text)) == tables.guarded(text) == text
