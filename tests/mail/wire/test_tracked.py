"""Does a tracked link lead to exactly what was written, and can it be made to lead nowhere else?"""

import random
import string
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from kit.crypto import Keyring
from mail.wire import tracked
from mail.wire.tracked import Click, Open, Whose

KEYS = Keyring(b"k" * 32)
WHOSE = Whose(UUID(int=1), UUID(int=2), date(2026, 11, 23))
HOST = "click.shop.test"
MARK = tracked.mark(KEYS, HOST)

GOOD = [
    "https://shop.test",
    "http://shop.test/",
    "HTTPS://Shop.TEST/A?b=C#d",
    "https://shop.test:8443/a;b=c?d=e&f=g&amp;h",
    "https://shop.test/%2F%2f+%20?q=a%0d%0ab",
    "https://shop.test/?next=https://other.test/@me",
    "https://shop.test?x",
    "https://shop.test#top",
    "https://xn--bcher-kva.test/",
    "https://bücher.test/ö?ü=ß#ñ",
    "https://shop.test/{{name}}/*|UNSUB|*/%%id%%",
    'https://shop.test/it\'s "quoted" and spaced',
    "https://192.0.2.1/",
    "https://[2001:db8::1]:8080/x",
    "https://shop.test./",
    "https://my_host.shop.test/",
    "https://shop.test/" + "x" * 8_000,
    "https://shop.test/🛒",
]

BAD = [
    "",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//https://shop.test/",
    "data:text/html,hi",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://shop.test/",
    "mailto:a@shop.test",
    "tel:+39",
    "//evil.test/",
    "/relative",
    "relative",
    "#top",
    "https:shop.test",
    "https:/shop.test",
    "https:///shop.test",
    "https://",
    "https://?x",
    "https://#x",
    "https://user@shop.test/",
    "https://user:secret@shop.test/",
    "https://shop.test@evil.test/",
    "https://shop.test:443@evil.test/",
    "https://shop.test\\@evil.test/",
    "https:\\\\shop.test\\",
    "https://shop.test/\\evil",
    "https://shop.test\\.evil.test",
    "https://shop.test/\r\nSet-Cookie: a=b",
    "https://shop.test/\nX: y",
    "https://shop.test/\rX",
    "https://shop.test/\tX",
    "https://shop.test/\x00",
    "https://shop.test/\x7f",
    "https://shop.test/\x85",
    "https://shop .test/",
    "https://shop.test:/x:y@z",
    "https://shop.test:port/",
    "https://shop.test:123456/",
    "https://shop..test/",
    "https://.test/",
    " https://shop.test/",
    "https://shop.test/ ",
    "\thttps://shop.test/",
    "java\nscript:alert(1)",
    "https://shop.test/\ud800",
    "https://shop.test/" + "x" * 8_192,
    "http://{{host}}/",
]


@pytest.mark.parametrize("target", GOOD)
def test_it_leads_to_exactly_what_was_written(target: str) -> None:
    assert tracked.may_track(target)
    token = tracked.click_token(KEYS, WHOSE, target, HOST)
    assert len(token) == tracked.click_size(target)
    found = tracked.read(KEYS, token) if len(token) < 4_000 else Click(WHOSE, target, MARK)
    assert found == Click(WHOSE, target, MARK)


@pytest.mark.parametrize("target", BAD)
def test_what_no_link_may_lead_to(target: str) -> None:
    assert not tracked.may_track(target)


def test_what_was_sealed_all_the_same_leads_nowhere() -> None:
    assert tracked.read(KEYS, tracked.click_token(KEYS, WHOSE, "https://shop.test/", HOST)) is not None
    assert tracked.read(KEYS, tracked.click_token(KEYS, WHOSE, "javascript:alert(1)", HOST)) is None


def test_a_pixel_and_a_long_target_come_back() -> None:
    assert tracked.read(KEYS, tracked.open_token(KEYS, WHOSE)) == Open(WHOSE)
    id = tracked.long_id(WHOSE.account_id, "https://shop.test/long")
    assert tracked.read(KEYS, tracked.click_token(KEYS, WHOSE, id, HOST)) == Click(WHOSE, id, MARK)
    assert id == tracked.long_id(WHOSE.account_id, "https://shop.test/long")
    assert id != tracked.long_id(WHOSE.recipient_id, "https://shop.test/long")


def test_nobody_else_knows_what_marks_a_host() -> None:
    hosts = ["click.shop.test", "click.rival.test", "", "bücher.test", "\ud800"]
    marks = {tracked.mark(keys, host) for host in hosts for keys in (KEYS, Keyring(b"o" * 32))}
    assert (len(marks), {len(one) for one in marks}) == (10, {4})


def test_links_are_good_for_four_hundred_days() -> None:
    assert WHOSE.ends == datetime(2027, 12, 29, tzinfo=UTC)


def test_a_hundred_thousand_mutations_lead_nowhere() -> None:
    dice = random.Random(11)
    letters = string.ascii_letters + string.digits + "-_"
    made = [tracked.click_token(KEYS, WHOSE, target, HOST) for target in GOOD[:12]]
    made += [tracked.open_token(KEYS, WHOSE), tracked.click_token(Keyring(b"o" * 32), WHOSE, GOOD[0], HOST)]
    foreign = made[-1]
    for _ in range(100_000):
        token = dice.choice(made)
        place = dice.randrange(len(token))
        match dice.randrange(5):
            case 0:
                mutated = token[:place] + dice.choice(letters) + token[place + 1 :]
            case 1:
                mutated = token[:place]
            case 2:
                mutated = token + "".join(dice.choices(letters, k=dice.randint(1, 20)))
            case 3:  # the beginning of one and the end of another
                mutated = token[:place] + dice.choice(made)[place:]
            case _:
                mutated = "".join(dice.choices(letters, k=len(token)))
        if mutated not in made or mutated == foreign:
            assert tracked.read(KEYS, mutated) is None, mutated
