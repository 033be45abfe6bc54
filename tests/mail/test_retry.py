"""Does the schedule keep its waits, its life and its promise to hosts that name a wait?"""

from datetime import timedelta
from random import Random

import pytest

from mail.retry import LIFE, LONGEST, next_delay

MINUTE = timedelta(minutes=1)
EXPECTED = [5, 10, 20, 40, 60, 120, 240, 240, 240]


@pytest.mark.parametrize("seed", range(20))
def test_the_waits_are_the_schedules_within_a_tenth(seed: int) -> None:
    rng = Random(seed)
    for attempt, minutes in enumerate(EXPECTED, 1):
        wait = next_delay(attempt, rng)
        assert wait is not None
        assert minutes * 0.9 <= wait / MINUTE <= minutes * 1.1


def test_the_first_wait_is_never_under_five_minutes() -> None:
    waits = [next_delay(1, Random(seed)) for seed in range(200)]
    assert all(wait is not None and wait >= 5 * MINUTE for wait in waits)
    assert len(set(waits)) > 150


def test_a_message_lives_three_days_and_not_longer() -> None:
    rng, age, attempts = Random(7), timedelta(0), 0
    while (wait := next_delay(attempts + 1, rng, age=age)) is not None:
        age += wait
        attempts += 1
    assert LIFE - timedelta(hours=4) <= age <= LIFE
    assert 20 <= attempts <= 26


def test_the_end_of_life_gets_a_last_attempt() -> None:
    assert next_delay(9, Random(1), age=LIFE - timedelta(hours=3)) == timedelta(hours=3)
    assert next_delay(9, Random(1), age=LIFE - timedelta(hours=1)) is None
    assert next_delay(9, Random(1), age=LIFE) is None
    assert next_delay(1, Random(1), age=timedelta(minutes=58), life=timedelta(hours=1)) is None


def test_a_host_that_names_a_wait_is_not_met_sooner() -> None:
    stated = timedelta(hours=2)
    wait = next_delay(1, Random(3), stated=stated)
    assert wait is not None
    assert stated <= wait <= stated * 1.1


def test_a_shorter_stated_wait_does_not_hurry_us() -> None:
    wait = next_delay(3, Random(3), stated=timedelta(seconds=30))
    assert wait is not None
    assert wait >= 18 * MINUTE


def test_an_absurd_stated_wait_is_capped() -> None:
    wait = next_delay(1, Random(3), stated=timedelta(days=400))
    assert wait is not None
    assert LONGEST <= wait <= LONGEST * 1.1


def test_the_same_chance_gives_the_same_wait() -> None:
    assert next_delay(4, Random(5)) == next_delay(4, Random(5))
