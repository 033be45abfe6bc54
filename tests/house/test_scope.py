"""Is there one place that says who sees what? Every read takes a Scope, and nobody else writes its condition."""

import inspect
import re

import pytest

from mail import feed, search, stats
from tenants.scope import Scope
from tests.house.tree import PACKAGES, files, text

_NOBODYS = {"head", "grown", "check"}
"""Reads that tell nothing of anybody's mail: where the ledger ends, and which of the accounts a follower sees have grown."""
_CONDITION = re.compile(r"lineage @> array\[\$")


def test_the_subtrees_condition_is_written_once() -> None:
    own = [path for path in files(".py") if path.parts[0] in PACKAGES]
    assert [path.as_posix() for path in own if _CONDITION.search(text(path))] == ["tenants/scope.py"]


@pytest.mark.parametrize("module", [search, feed, stats], ids=lambda module: module.__name__)
def test_every_read_for_a_client_takes_a_scope(module: object) -> None:
    reads = {
        name: inspect.signature(function)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and "conn" in inspect.signature(function).parameters
    }
    reads = {name: shape for name, shape in reads.items() if inspect.getmodule(getattr(module, name)) is module}
    assert reads
    scoped = {name for name, shape in reads.items() if any(p.annotation is Scope for p in shape.parameters.values())}
    assert reads.keys() - scoped <= _NOBODYS
