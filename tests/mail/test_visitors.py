"""Are people told from machines, and is it known what they read with? Held against visits labelled by hand."""

import csv
from pathlib import Path

import pytest

from mail import visitors
from mail.visitors import Visitor

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "visits" / "visits.csv"


def labelled() -> list[dict[str, str]]:
    with CORPUS.open(newline="") as file:
        return list(csv.DictReader(file))


def visitor(row: dict[str, str]) -> Visitor:
    return Visitor(
        click=row["asked"] == "click",
        agent=row["agent"],
        head=row["head"] == "1",
        ahead=row["ahead"] == "1",
        since=float(row["since"]) if row["since"] else None,
        at_once=row["at_once"] == "1",
    )


def test_people_are_told_from_machines_and_machines_by_kind() -> None:
    rows = labelled()
    wrong = [
        (row["label"], found, row["agent"])
        for row in rows
        if (found := visitors.machine(visitor(row)) or "person") != row["label"]
    ]
    assert wrong == []
    people = sum(row["label"] == "person" for row in rows)
    assert (people >= 40, len(rows) - people >= 60) == (True, True), "enough of both"


def test_it_is_known_what_people_read_with() -> None:
    for row in labelled():
        if row["label"] == "person" and row["program"]:
            found = visitors.program(row["agent"])
            assert (found.agent, found.system or "", found.device or "") == (
                row["program"],
                row["system"],
                row["device"],
            ), row["agent"]


@pytest.mark.parametrize(
    ("clicks", "expected"),
    [
        ([], False),
        ([("a", 100.0)], False),  # itself
        ([("a", 100.0), ("a", 100.1), ("a", 100.2)], False),  # a double click
        ([("a", 100.0), ("b", 100.2)], True),  # two in a fifth of a second
        ([("a", 100.0), ("b", 101.0)], False),
        ([("a", 100.0), ("b", 101.0), ("c", 98.5)], True),  # three in the seconds around
        ([("a", 100.0), ("b", 101.0), ("b", 101.5)], False),
        ([("b", 103.0), ("c", 97.0), ("d", 110.0)], False),
    ],
)
def test_several_links_at_once_are_no_person(clicks: list[tuple[str, float]], expected: bool) -> None:
    assert visitors.at_once(clicks, "a", 100.0) is expected


@pytest.mark.parametrize(
    ("ip", "network", "whole"),
    [
        ("203.0.113.77", "203.0.113.0/24", "203.0.113.77"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::/48", "2001:db8:1234:5678::9"),
        ("::ffff:203.0.113.77", "203.0.113.0/24", "203.0.113.77"),
        ("unix", None, None),
        ("", None, None),
    ],
)
def test_of_an_address_its_network_is_kept(ip: str, network: str | None, whole: str | None) -> None:
    assert (visitors.network(ip), visitors.network(ip, whole=True)) == (network, whole)


def test_whatever_somebody_calls_itself_is_short_in_the_end() -> None:
    for agent in ("x" * 10_000, "(" * 10_000, "Mozilla/5.0 (" + ";" * 10_000, "A" * 299 + "/1.0", "\x00\ud800"):
        found = visitors.program(agent)
        assert max(len(found.agent or ""), len(found.system or "")) <= 60
