"""Does one domain's allowance shrink as the desk fills, and never below what its lanes need?"""

from mail.pacing import INTERNET, ONE_PEER


def test_the_allowance_shrinks_with_the_room_that_is_left() -> None:
    assert [INTERNET.allowance(free) for free in (1000, 500, 100, 0)] == [100, 50, 10, 10]


def test_one_peer_may_fill_the_desk() -> None:
    assert ONE_PEER.allowance(1) is None
