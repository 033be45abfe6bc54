"""Does a link name whom it was sent to, to us alone, and do header and words say what the RFCs and the account want?"""

import random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.crypto import Keyring
from mail.wire import returnpath, tokens, unsubscribe
from mail.wire.returnpath import Use
from mail.wire.unsubscribe import Ticket, Words

KEYS = Keyring(b"k" * 32)
OTHER = Keyring(b"o" * 32)
TICKET = Ticket(UUID(int=1), UUID(int=2), "ann@far.test", "he")
URL = "https://click.shop.test/u/abc"


@given(st.uuids(), st.uuids(), st.text(max_size=80), st.sampled_from([None, *unsubscribe.LANGUAGES]))
def test_a_ticket_comes_back_whole(account: UUID, recipient: UUID, address: str, language: str | None) -> None:
    ticket = Ticket(account, recipient, address, language)
    token = unsubscribe.seal(KEYS, ticket)
    assert token == unsubscribe.seal(KEYS, ticket)
    assert unsubscribe.unseal(KEYS, token) == ticket


def test_a_token_is_short_enough_and_tells_nothing() -> None:
    token = unsubscribe.seal(KEYS, TICKET)
    assert len(token) == 84
    assert "ann" not in token
    assert "far" not in token


def test_ten_thousand_changed_tokens_open_nothing() -> None:
    token, rolls = unsubscribe.seal(KEYS, TICKET), random.Random(8058)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for _ in range(10_000):
        place = rolls.randrange(len(token))
        changed = token[:place] + rolls.choice(alphabet) + token[place + rolls.randrange(2) :]
        assert changed == token or unsubscribe.unseal(KEYS, changed) is None
    assert unsubscribe.unseal(OTHER, token) is None
    assert unsubscribe.unseal(KEYS, tokens.seal(KEYS, "click", b"x" * 60)) is None
    assert unsubscribe.unseal(KEYS, token) == TICKET


def test_the_address_to_ask_by_mail_is_good_for_nothing_else() -> None:
    asked = returnpath.encode(KEYS, TICKET.recipient_id, Use.UNSUBSCRIBE)
    assert returnpath.decode(KEYS, asked.upper(), Use.UNSUBSCRIBE) == TICKET.recipient_id
    assert returnpath.decode(KEYS, asked) is None
    assert returnpath.decode(KEYS, "b" + asked[1:]) is None
    returned = returnpath.encode(KEYS, TICKET.recipient_id)
    assert returnpath.decode(KEYS, "u" + returned[1:], Use.UNSUBSCRIBE) is None


def test_the_header_has_both_ways_and_one_click() -> None:
    assert unsubscribe.fields(URL, "uabc@mx.test") == (
        b"List-Unsubscribe: <https://click.shop.test/u/abc>,\r\n <mailto:uabc@mx.test?subject=unsubscribe>\r\n",
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    )


@pytest.mark.parametrize(
    ("disclaimer", "language", "expected"),
    [
        (
            "Enough? [Click & go].",
            "en",
            Words(
                f'<span lang="en" dir="ltr">Enough? <a href="{URL}">Click &amp; go</a>.</span>',
                f"Enough? Click & go <{URL}>.",
            ),
        ),
        (
            "Click here to unsubscribe",
            "en",
            Words(
                f'<span lang="en" dir="ltr"><a href="{URL}">Click here to unsubscribe</a></span>',
                f"Click here to unsubscribe <{URL}>",
            ),
        ),
        (
            "<b> [די] [x]",
            "he",
            Words(
                f'<span lang="he" dir="rtl">&lt;b&gt; <a href="{URL}">די</a> [x]</span>',
                f"<b> די <{URL}> [x]",
            ),
        ),
    ],
)
def test_a_tag_becomes_the_accounts_words_with_a_link(disclaimer: str, language: str, expected: Words) -> None:
    assert unsubscribe.words(disclaimer, language, URL) == expected


def test_there_are_words_in_every_language() -> None:
    assert unsubscribe.DISCLAIMERS.keys() == set(unsubscribe.LANGUAGES)
    for language, disclaimer in unsubscribe.DISCLAIMERS.items():
        assert unsubscribe.words(disclaimer, language, URL).text.count(URL) == 1
        assert disclaimer.count("[") == 1
