"""Does a return path name its recipient, and can nobody but us make one?"""

from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from kit.crypto import Keyring
from mail.wire import returnpath
from mail.wire.address import parse_mailbox

KEYS = Keyring(b"k" * 32)
OTHER = Keyring(b"o" * 32)


@given(st.uuids())
def test_it_comes_back_whatever_a_host_does_to_its_case(recipient: UUID) -> None:
    local = returnpath.encode(KEYS, recipient)
    assert len(local) <= 64
    assert str(parse_mailbox(f"{local}@out.test", utf8=False)) == f"{local}@out.test"
    assert returnpath.decode(KEYS, local) == recipient
    assert returnpath.decode(KEYS, local.upper()) == recipient


@given(st.text(max_size=70))
def test_nothing_else_is_one(local: str) -> None:
    assert returnpath.decode(KEYS, local) is None


def test_a_single_changed_letter_breaks_it() -> None:
    local = returnpath.encode(KEYS, uuid4())
    for place in range(1, len(local)):
        changed = local[:place] + ("a" if local[place] != "a" else "b") + local[place + 1 :]
        assert returnpath.decode(KEYS, changed) is None


def test_another_key_makes_another_one() -> None:
    recipient = uuid4()
    assert returnpath.decode(KEYS, returnpath.encode(OTHER, recipient)) is None
    assert returnpath.decode(OTHER, returnpath.encode(OTHER, recipient)) == recipient


def test_it_tells_nothing_of_its_neighbours() -> None:
    assert returnpath.encode(KEYS, UUID(int=1)) != returnpath.encode(KEYS, UUID(int=2))
