"""Which fixtures do tests of the command line have? A machine of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """An installation that nobody has started yet."""
    machine = Machine(tmp_path / "data")
    try:
        yield machine
    finally:
        machine.remove()
