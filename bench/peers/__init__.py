"""Who is measured? Every system is a private instance on loopback that is started, asked for its port, and removed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

FOLDER = Path(__file__).resolve().parent


class System(Protocol):
    """A mail system between smtp-source and the sink."""

    name: str
    """As reports call it."""
    port: int
    """Where it takes mail, once started."""

    def start(self) -> None:
        """Start it with its way out to the sink and wait until it takes mail."""

    def roots(self) -> list[int]:
        """The process ids at the top of everything that belongs to it."""

    def settle(self, messages: int) -> None:
        """Wait until it has nothing left to do of all `messages` it got since its start."""

    def remove(self) -> None:
        """Stop it and delete all it had."""


def filled(path: str, values: Mapping[str, object]) -> str:
    """Return a committed configuration with its @MARKS@ filled in."""
    return re.sub(r"@([A-Z]+)@", lambda mark: str(values[mark[1]]), (FOLDER / path).read_text())
