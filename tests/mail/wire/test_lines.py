"""Can nothing be smuggled outward? Canonical lines and dot-stuffing, for any bytes at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.wire.lines import MAX_LINE, canonical, dot_stuffed, has_long_line

pieces = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"x", b"\0", b" ", b"\xff"]), max_size=40)


def unstuffed(wire: bytes) -> bytes:
    """What a strict receiver makes of DATA: ends at the first CRLF.CRLF, takes one leading dot off each line."""
    lines = []
    for line in wire.split(b"\r\n"):
        if line == b".":
            return b"".join(one + b"\r\n" for one in lines)
        lines.append(line[1:] if line.startswith(b".") else line)
    raise AssertionError("no end of data")


@given(pieces)
def test_no_bare_newline_leaves_and_data_ends_once(parts: list[bytes]) -> None:
    content = canonical(b"".join(parts))
    wire = dot_stuffed(content)
    assert wire.count(b"\n") == wire.count(b"\r") == wire.count(b"\r\n")
    assert (b"\r\n" + wire).count(b"\r\n.\r\n") == 1
    assert wire.endswith(b".\r\n")
    assert unstuffed(wire) == content


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r.\n", b"\n.\r", b"\r\n.\r\r\n"]
)
def test_every_known_smuggling_sequence_becomes_harmless(end: bytes) -> None:
    body = b"hello" + end + b"MAIL FROM:<evil@shop.test>\r\n"
    wire = dot_stuffed(canonical(body))
    assert unstuffed(wire).endswith(b"MAIL FROM:<evil@shop.test>\r\n")


def test_canonical_content_is_left_alone() -> None:
    content = b"a\r\n\r\n.b\r\n"
    assert canonical(content) is content
    assert canonical(b"") == b""


@given(st.lists(st.integers(0, 2100), max_size=6))
def test_long_lines_are_found_exactly(lengths: list[int]) -> None:
    content = b"".join(b"x" * length + b"\r\n" for length in lengths)
    assert has_long_line(content) == any(length > MAX_LINE for length in lengths)
