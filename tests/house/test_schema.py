"""Is the API the one that was promised? The committed SDL is the code's, and every field has its roles."""

import re
from pathlib import Path

import graphql

from api.graphql.schema import print_sdl
from tests.house.role_matrix import MATRIX
from tests.house.tree import text
from tests.support.questions import IDS, id_arguments, root_fields

_COMMITTED = Path("api/schema.graphql")


def test_the_committed_schema_is_what_the_code_serves() -> None:
    assert text(_COMMITTED) == print_sdl(), "type `make schema` and look at the difference"


def test_every_root_field_has_its_roles() -> None:
    assert set(root_fields(graphql.build_schema(text(_COMMITTED)))) == MATRIX.keys()


def test_every_id_that_is_asked_for_says_of_what() -> None:
    assert set(id_arguments(graphql.build_schema(text(_COMMITTED)))) == IDS.keys(), "tests/support/questions.py: IDS"


def test_no_name_in_the_schema_is_the_products_own() -> None:
    # A reseller's programmer reads it under the reseller's brand.
    assert re.search(r"(?i)\blivery", text(_COMMITTED)) is None
