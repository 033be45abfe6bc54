"""Are the versions ours to rely on? Floors below which a known hole opens, and locks that bind every byte."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.house.tree import text

# The first releases without a published hole in what we use: SMTP smuggling, subscription take-over, cookie and
# multipart handling.
_FLOORS = {"aiosmtpd": (1, 4, 6), "strawberry-graphql": (0, 327, 2), "litestar": (2, 20, 0)}
_REQUIREMENT = re.compile(r"^([a-z0-9][a-z0-9._-]*(?:\[[a-z,]+\])?)==(\S+)", re.MULTILINE)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


@pytest.mark.parametrize("name", _FLOORS)
def test_what_is_installed_and_locked_is_above_its_floor(name: str) -> None:
    locked = dict(_REQUIREMENT.findall(text(Path("requirements.lock"))))
    assert _numbers(version(name)) >= _FLOORS[name]
    assert _numbers(locked[name]) >= _FLOORS[name]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_requirement_carries_hashes_and_no_address(lock: str) -> None:
    content = text(Path(lock))
    blocks = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"(?m)^\s*#.*\n", "", content))
    requirements = [block for block in blocks if _REQUIREMENT.match(block.strip())]
    assert len(requirements) > 20
    assert [block.split()[0] for block in requirements if "--hash=sha256:" not in block] == []
    assert "://" not in re.sub(r"(?m)^\s*#.*$", "", content)


def test_the_python_that_is_asked_for_has_no_smtpd_of_its_own() -> None:
    assert 'requires-python = ">=3.12"' in text(Path("pyproject.toml"))
    assert text(Path(".python-version")).strip().startswith("3.13")
