"""Is it decided for every change what it leaves in the audit list?"""

import ast
from pathlib import Path

import graphql

from tests.house.audited import WRITES
from tests.house.tree import PACKAGES, files, text


def test_every_mutation_says_what_it_writes() -> None:
    schema = graphql.build_schema(text(Path("api/schema.graphql")))
    assert schema.mutation_type is not None
    assert set(schema.mutation_type.fields) == WRITES.keys()


def _files_that(verb: str) -> list[str]:
    return [
        path.as_posix()
        for path in files(".py")
        if path.parts[0] in PACKAGES
        and "migrations" not in path.parts
        and any(
            isinstance(node, ast.Constant) and isinstance(node.value, str) and f"{verb} audit_entry" in node.value
            for node in ast.walk(ast.parse(text(path)))
        )
    ]


def test_entries_are_written_in_one_place_never_changed_and_go_with_their_account() -> None:
    assert _files_that("into") == ["tenants/audit.py"]
    assert _files_that("update") == []
    assert _files_that("delete from") == ["tenants/closing.py"]
