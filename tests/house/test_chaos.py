"""Does the experiment know every point at which the code lets a process be killed, and is each of them one place?"""

import re
from collections import Counter

from tests.chaos.points import POINTS
from tests.house.tree import CHECKOUT, PACKAGES, files, text

_POINT = re.compile(r"\bchaos\.(?:point|soon)\((.*?)\)")


def test_every_point_in_the_code_is_known_and_stands_in_one_place() -> None:
    named = Counter(
        argument.strip('"')
        for path in files(".py")
        if path.parts[0] in PACKAGES and path.name != "chaos.py"
        for argument in _POINT.findall(text(path))
    )
    assert named == Counter(list(POINTS))


def test_every_point_is_explained() -> None:
    explained = (CHECKOUT / "docs/chaos.md").read_text()
    assert [name for name in POINTS if f"`{name}`" not in explained] == []
