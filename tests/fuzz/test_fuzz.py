"""Does no parser fail or hang on what a fixed seed makes of real input? (`make fuzz` is the same for five minutes each.)"""

import itertools
from pathlib import Path

import pytest

from tests.fuzz.engine import mutated, tried
from tests.fuzz.targets import TARGETS, inputs

COUNT = 400


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_makes_a_parser_fail(name: str) -> None:
    target = TARGETS[name]
    count = len(list(inputs(target))) + COUNT
    found = [
        finding for raw in itertools.islice(mutated(target, 1), count) if (finding := tried(target, raw)) is not None
    ]
    assert [(finding.why, finding.raw[:200]) for finding in found] == []


def test_the_same_seed_gives_the_same_inputs_and_another_others() -> None:
    def made(seed: int) -> list[bytes]:
        return list(itertools.islice(mutated(TARGETS["html"], seed), 300))

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_what_fails_and_what_takes_long_is_found() -> None:
    from dataclasses import replace

    def fails(raw: bytes) -> None:
        assert b"<" not in raw

    target = replace(TARGETS["html"], run=fails)
    assert tried(target, b"x") is None
    finding = tried(target, b"<")
    assert finding is not None
    assert "AssertionError" in finding.why


def test_all_seeds_are_there() -> None:
    assert {name: len(list(inputs(target))) > 3 for name, target in TARGETS.items()} == dict.fromkeys(TARGETS, True)
    assert (Path(__file__).parent.parent / "corpus" / "urls" / "urls.txt").exists()
