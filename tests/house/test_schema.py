"""Is the API the one that was promised? The committed SDL is the code's, and every field has its roles."""

import re
from pathlib import Path

import graphql

from api.graphql.schema import print_sdl
from tests.house.role_matrix import MATRIX
from tests.house.tree import text

_COMMITTED = Path("api/schema.graphql")


def test_the_committed_schema_is_what_the_code_serves() -> None:
    assert text(_COMMITTED) == print_sdl(), "type `make schema` and look at the difference"


def test_every_root_field_has_its_roles() -> None:
    schema = graphql.build_schema(text(_COMMITTED))
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    served = {f"{root.name}.{field}" for root in roots if root for field in root.fields}
    assert served == MATRIX.keys()


def test_no_name_in_the_schema_is_the_products_own() -> None:
    # A reseller's programmer reads it under the reseller's brand.
    assert re.search(r"(?i)\blivery", text(_COMMITTED)) is None
