"""What does a refusal of the house become on the wire? One line, printable, short enough, by one table."""

import pytest

from kit.errors import Kind, LiveryError
from smtpd import replies


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
