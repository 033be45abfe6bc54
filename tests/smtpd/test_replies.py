"""What does a refusal of the house become on the wire? One line, printable, short enough, by one table."""

from datetime import date
from pathlib import Path

import pytest

from kit.errors import Kind, LiveryError
from mail.errors import monthly_limit, no_credits, suspended
from smtpd import replies

_MANUAL = Path(__file__).parents[2] / "docs" / "smtp.md"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.INVALID, "550 5.6.0"),
        (Kind.UNAUTHENTICATED, "421 4.7.0"),
        (Kind.DENIED, "550 5.7.1"),
        (Kind.MISSING, "550 5.1.1"),
        (Kind.CONFLICT, "451 4.3.0"),
        (Kind.EXHAUSTED, "452 4.7.1"),
        (Kind.UNAVAILABLE, "451 4.3.0"),
    ],
)
def test_each_kind_has_its_reply(kind: Kind, code: str) -> None:
    assert replies.of_error(LiveryError(kind, "CODE", "No.")) == f"{code} No."
    assert replies.of_error(LiveryError(kind, "CODE", "No.", next="Do this.")) == f"{code} No. Do this."


def test_a_rate_is_another_temporary_reply_than_credits() -> None:
    refused = LiveryError(Kind.EXHAUSTED, "RATE_LIMITED", "Enough.", next="Try again at noon.")
    assert replies.of_error(refused) == "451 4.7.1 Enough. Try again at noon."


def test_no_text_makes_a_second_line_or_one_that_is_too_long() -> None:
    said = replies.of_error(
        LiveryError(Kind.DENIED, "CODE", "You cannot send as\r\n250 b\u00fccher\u2028.test\0" + "x" * 600)
    )
    assert said.startswith("550 5.7.1 You cannot send as  250 b?cher .test x")
    assert len(said) == 510
    assert said.isprintable()
    assert said.isascii()


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (
            no_credits(),
            "452 4.7.1 Not enough credits for this message. Buy credits or ask whoever runs your account, then send again.",
        ),
        (
            monthly_limit(date(2026, 12, 1)),
            "452 4.7.1 The limit of this month is reached; it begins anew on 2026-12-01. "
            "Send again then, or ask whoever runs your account for a higher limit.",
        ),
        (suspended(), "550 5.7.1 This account is suspended. Ask whoever runs your account to resume it."),
    ],
)
def test_the_manual_quotes_what_is_said_where_nothing_is_left(refused: LiveryError, said: str) -> None:
    assert replies.of_error(refused) == said
    assert f"\n    {said}\n" in _MANUAL.read_text()
