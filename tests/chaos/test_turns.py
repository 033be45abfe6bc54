"""Does every broker get its round, however short a run of `make chaos` is?"""

from tests.chaos.__main__ import next_broker


def test_who_had_no_round_comes_first() -> None:
    assert next_broker({"embedded": 5, "rabbitmq": 900}, {"rabbitmq"}, over=False) == "embedded"


def test_who_misses_most_comes_next() -> None:
    assert next_broker({"embedded": 5, "rabbitmq": 900}, {"embedded", "rabbitmq"}, over=False) == "rabbitmq"
    assert next_broker({"embedded": 5, "rabbitmq": 900}, (), over=False) == "rabbitmq"


def test_a_run_whose_time_is_over_still_gives_each_its_round() -> None:
    assert next_broker({"embedded": 5, "rabbitmq": 900}, {"rabbitmq"}, over=True) == "embedded"
    assert next_broker({"embedded": 5, "rabbitmq": 900}, {"embedded", "rabbitmq"}, over=True) is None


def test_a_full_count_needs_no_round() -> None:
    assert next_broker({"embedded": 0, "rabbitmq": 1}, {"rabbitmq"}, over=False) == "rabbitmq"
    assert next_broker({"embedded": 0, "rabbitmq": 0}, (), over=False) is None
