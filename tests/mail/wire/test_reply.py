"""Is every reply read, whatever a host sends?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.wire.reply import MalformedReply, Reply, from_text, parse


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([b"250 2.1.5 Ok"], Reply(250, "2.1.5", "Ok")),
        ([b"250"], Reply(250, None, "")),
        ([b"550-5.1.1 no such", b"550-5.1.1 user", b"550 5.1.1 here"], Reply(550, "5.1.1", "no such user here")),
        ([b"550 #5.1.0 Address rejected."], Reply(550, "5.1.0", "Address rejected.")),
        ([b"550 5.1.1: unknown"], Reply(550, "5.1.1", "unknown")),
        ([b"550 5.1.1-unknown"], Reply(550, "5.1.1", "unknown")),
        ([b"550 1.2.3.4 is blocked"], Reply(550, None, "1.2.3.4 is blocked")),
        ([b"550 5.7.1.example.test says no"], Reply(550, None, "5.7.1.example.test says no")),
        ([b"554 4.4.7 expired"], Reply(554, "4.4.7", "expired")),
        ([b"550 na\xefve"], Reply(550, None, "naïve")),
        (["550 grüße".encode()], Reply(550, None, "grüße")),
        ([b"550 a\x00b"], Reply(550, None, "a b")),
        ([b"250-mx.test", b"250-SIZE 10", b"250 DSN"], Reply(250, None, "mx.test SIZE 10 DSN")),
    ],
)
def test_replies_are_read(lines: list[bytes], reply: Reply) -> None:
    assert parse(lines) == reply


def test_a_glued_reply_is_taken_apart() -> None:
    quoted = (
        "550-5.7.1 [192.0.2.1] Messages with multiple 550 5.7.1 addresses in From: header are not accepted. x - gsmtp"
    )
    assert from_text(quoted) == Reply(
        550, "5.7.1", "[192.0.2.1] Messages with multiple addresses in From: header are not accepted. x - gsmtp"
    )


@pytest.mark.parametrize("line", [b"", b"hello", b"99 x", b"650 x", b"25x", b"250_x", b"\xff\xff"])
def test_what_is_no_reply_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(MalformedReply):
        parse([line])


def test_temporary_and_permanent_are_told_apart() -> None:
    assert Reply(450, None, "").temporary
    assert Reply(554, "4.4.7", "").temporary
    assert not Reply(554, "4.4.7", "").permanent
    assert Reply(550, None, "").permanent
    assert Reply(354, None, "").intermediate


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_are_a_reply_or_said_to_be_none(lines: list[bytes]) -> None:
    try:
        reply = parse(lines)
    except MalformedReply:
        return
    assert 200 <= reply.code < 600
    assert "\n" not in reply.text
