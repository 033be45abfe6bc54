"""Is the end of a message found wherever the packets break? Compared with the plainest reading of RFC 5321 §4.5.2."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpd.content import Content, examined
from smtpd.replies import Refused

_TOKENS = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\0", b"bc"]), max_size=30)


def _plainly(stream: bytes) -> tuple[bytes, bytes] | None:
    """Content and what follows the end of data, or None where it does not end."""
    end = (b"\r\n" + stream).find(b"\r\n.\r\n")
    if end < 0:
        return None
    whole = stream[:end]
    lines = whole.split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") for line in lines), stream[end + 3 :]


@settings(max_examples=600, derandomize=True, deadline=None)
@given(tokens=_TOKENS, cuts=st.lists(st.integers(0, 60), max_size=12))
def test_any_stream_in_any_pieces_is_read_as_in_one(tokens: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(tokens)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    content = Content(limit=10_000)
    rest: bytes | None = None
    for start, end in itertools.pairwise(edges):
        if rest is not None:
            rest += stream[start:end]
            continue
        rest = content.feed(stream[start:end])
    expected = _plainly(stream)
    if expected is None:
        assert rest is None
        return
    assert rest == expected[1]
    size, data = content.size, content.take()
    assert data == expected[0]
    assert size == len(data)
    bare = re.sub(rb"\r\n", b"", data)
    assert content.bare == (b"\r" in bare or b"\n" in bare)
    assert content.nul == (b"\0" in data)


def test_the_limit_counts_bytes_without_their_stuffing() -> None:
    for line, refused in ((b"x" * 996, False), (b"x" * 997, True)):
        content = Content(limit=1_000)
        assert content.feed(b"." + b"." + line + b"\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
        assert content.too_big is False
        assert content.size == len(line) + 3
        content = Content(limit=998)
        content.feed(line + b"\r\n.\r\n")
        assert content.too_big is refused
        if refused:
            with pytest.raises(Refused, match=r"^552 5\.3\.4 "):
                examined(content, normalise=False)
        else:
            assert examined(content, normalise=False) == line + b"\r\n"


def test_nothing_is_kept_beyond_the_limit() -> None:
    content = Content(limit=1_000)
    for _ in range(100):
        content.feed(b"x" * 1_000)
    assert (content.too_big, content.kept, content.size) == (True, 0, 100_000)
