"""Does docs/smtp.md know every reply, and the limits that hold?"""

import re

from smtpd import limits
from tests.smtpd.conftest import CHECKOUT

_DOCS = (CHECKOUT / "docs/smtp.md").read_text()
_REPLY = re.compile(r"[\"']([2-5]\d\d [245]\.\d+\.\d+)[ \"']")


def test_every_reply_is_in_the_table_and_every_row_is_a_reply() -> None:
    said = {reply for path in (CHECKOUT / "smtpd").glob("*.py") for reply in _REPLY.findall(path.read_text())}
    assert len(said) > 30
    assert set(re.findall(r"^\| ([2-5]\d\d \d\.\d+\.\d+) \|", _DOCS, re.MULTILINE)) == said


def test_the_limits_are_those_in_the_code() -> None:
    for words in (
        f"{limits.MESSAGE_BYTES:,} bytes",
        f"{limits.RECIPIENTS:,} | 452",
        f"{limits.PER_ADDRESS} from one address",
        f"{limits.PER_ACCOUNT} of one account",
        f"{limits.LOGIN_FAILURES} a connection",
        f"{limits.ERRORS_END} before login, {limits.MEMBER_ERRORS_END} after it",
        f"{limits.JUNK_END} before login, {limits.MEMBER_JUNK_END:,} after it",
        f"{limits.STRANGER_IDLE:.0f} s before login, {limits.MEMBER_IDLE / 60:.0f} minutes after it",
        f"{limits.RATE_BYTES / limits.RATE_WINDOW:.0f} bytes a second over {limits.RATE_WINDOW:.0f} s",
        f"{limits.DRAIN:.0f} seconds to arrive",
        f"{limits.MEMORY_BYTES // 1024 // 1024} MB a process",
    ):
        assert words in _DOCS, words
