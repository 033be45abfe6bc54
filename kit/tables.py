"""How are rows written as CSV, so that a program reads them exactly and a spreadsheet runs nothing of what strangers wrote?

RFC 4180, UTF-8, lines ended by CRLF. A spreadsheet takes a field that begins with = + - @ (or their full-width twins, a
tab or the end of a line) for a formula. Such a field is written with a ' in front, which `unguarded` takes off again:
RFC 4180 knows nothing of this; every spreadsheet does.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]")


def written(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV, nothing in them a formula; None is an empty field, a moment is written like 2026-11-23T18:15:00Z."""
    out = io.StringIO()
    csv.writer(out).writerows([_field(value) for value in row] for row in rows)
    return out.getvalue().encode()


def guarded(value: str) -> str:
    """A field that no spreadsheet takes for a formula."""
    return f"'{value}" if _FORMULA.match(value) else value


def unguarded(value: str) -> str:
    """What `guarded` was given."""
    return value[1:] if value[:1] == "'" and _FORMULA.match(value) else value


def _field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return guarded(str(value))
