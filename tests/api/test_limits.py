"""How much may one request ask for? What is too much is refused at once, whole, and the server stays quick."""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    OperationDefinitionNode,
    build_client_schema,
    build_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    parse,
    print_ast,
    print_schema,
    validate,
)

from api.context import STRANGERS
from api.graphql import limits
from api.graphql.pages import MOST
from api.graphql.schema import print_sdl, schema
from tests.api.conftest import LOGIN, ME, PASSWORD, World


def nested(levels: int) -> str:
    """A query of exactly `levels` objects below the root, by way of recipient.message.recipients.nodes."""
    steps = ['recipient(id: "x")']
    while len(steps) < levels:
        steps += ["message", "recipients(first: 1)", "nodes"]
    steps = steps[:levels]
    return "{ " + " { ".join(steps) + " { __typename } " + "} " * levels


def spread(fragments: int) -> str:
    """Fragments that double at every step: 2^fragments fields when unfolded."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return "{ ...f0 } " + " ".join(parts) + f" fragment f{fragments} on Query {{ me {{ account {{ id }} }} }}"


TOO_MUCH = {
    "depth": nested(11),
    "braces": "{ me " * 400 + "}" * 400,
    "aliases": "{ " + " ".join(f"a{n}: me {{ __typename }}" for n in range(16)) + " }",
    "aliases in fragments": "{ " + "...f " * 9 + "} fragment f on Query { a: me { __typename } b: me { __typename } }",
    "tokens": "{ me { account { " + "id " * 1000 + "} } }",
    "duplicate fields": "{ " + "me { __typename } " * 10_000 + "}",
    "directives": "{ me " + "@include(if: true) " * 10_000 + "{ __typename } }",
    "operations": " ".join(f"query q{n} {{ me {{ __typename }} }}" for n in range(10_000)),
    "cycle": "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "doubling fragments": spread(60),
    "a page of a million": "{ messages(first: 1000000) { nodes { id } } }",
    "pages in pages": "{ messages(first: 100) { nodes { recipients(first: 100) { nodes { id } } } } }",
    "pages in fragments": """{ messages(first: 100) { ...p } }
        fragment p on MessageConnection { nodes { ...m } } fragment m on Message { recipients(first: 60) { nodes { id } } }""",
    "sources": "{ messages(first: 100) { nodes { source headers } } }",
    "templates": "{ " + " ".join(f"a{n}: templates {{ id }}" for n in range(3)) + " }",
    "work": "mutation { " + " ".join(f'a{n}: htmlToText(html: "x") {{ __typename }}' for n in range(6)) + " }",
    "no such field": "{ nothing }",
    "no document": "}{",
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_asks_for_too_much_is_refused_at_once(world: World, name: str) -> None:
    program = world.client(key="shop.test")
    await program.ask(ME)
    began = time.process_time()  # client and server: both live here
    answer = (await program.post(TOO_MUCH[name])).json()
    took = time.process_time() - began
    assert answer.get("data") is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID"}
    assert "Did you mean" not in json.dumps(answer)
    assert took < 0.25, took  # unlimited, these take seconds to hours


VARIABLES: list[tuple[str, dict[str, Any]]] = [
    ("query ($n: Int!) { messages(first: $n) { nodes { recipients(first: $n) { nodes { id } } } } }", {"n": 100}),
    ("query ($n: Int! = 100) { messages(first: $n) { nodes { recipients(first: $n) { nodes { id } } } } }", {}),
    ("query ($n: Int! = 1) { messages(first: $n) { nodes { recipients(first: 100) { nodes { id } } } } }", {"n": 50}),
]


@pytest.mark.parametrize(("query", "variables"), VARIABLES)
async def test_cost_knows_variables_and_defaults(world: World, query: str, variables: dict[str, Any]) -> None:
    program = world.client(key="shop.test")
    errors = await program.errors(query, **variables)
    assert "more than 5000 objects" in errors[0]["message"]


async def test_the_same_shapes_within_the_limits_are_answered(world: World) -> None:
    program = world.client(key="shop.test")
    await world.submit("shop.test", "a@b.test", "c@d.test")
    assert (await program.ask(nested(10)))["recipient"] is None
    aliases = "{ " + " ".join(f"a{n}: me {{ __typename }}" for n in range(15)) + " }"
    assert len(await program.ask(aliases)) == 15
    assert (await program.ask(spread(8)))["me"]
    assert (await program.ask("{ a: templates { id html text } b: templates { id } }")) == {"a": [], "b": []}
    pages = "query ($n: Int!) { messages(first: $n) { nodes { recipients(first: $n) { nodes { id } } } } }"
    found = await program.ask(pages, n=60)
    assert len(found["messages"]["nodes"][0]["recipients"]["nodes"]) == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ me { account { id } } }", 2),
        ("{ messages(first: 10) { nodes { id } pageInfo { endCursor } } }", 1 + 10 + 1),
        ("{ messages { nodes { id } } }", 1 + 50),
        ("{ messages(first: 7) { nodes { recipients(first: 3) { nodes { id } } } } }", 1 + 7 + 7 + 21),
        ("{ latestEvents(first: 30) { attempt { conversation } } }", 30 + 30 + 30),
        ('{ recipient(id: "x") { timeline { id } } }', 1 + 10),
        ('{ message(id: "x") { source } }', 1 + 50),
        ("{ ...f } fragment f on Query { ... on Query { me { __typename } } }", 1),
    ],
)
def test_cost_is_page_size_times_nesting(query: str, expected: int) -> None:
    document = limits.read(schema._schema, query)
    assert document is not None
    assert limits.cost(schema._schema, document, document.definitions[0], {}) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("first", [0, -1, 101])
@pytest.mark.parametrize("field", ["messages", "recipients", "events"])
async def test_a_page_has_one_to_a_hundred_rows(world: World, field: str, first: int) -> None:
    program = world.client(key="shop.test")
    query = f"query ($n: Int!) {{ {field}(first: $n) {{ nodes {{ id }} }} }}"
    errors = await program.errors(query, n=first)
    assert errors[0]["extensions"] == {"code": "INVALID", "field": ["first"]}
    assert await program.ask(query, n=100)


@pytest.mark.parametrize(("signed_in", "most", "told"), [(True, 1_000_000, "1 MB"), (False, 100_000, "100 kB")])
async def test_a_body_has_a_megabyte_and_a_strangers_a_tenth(
    world: World, signed_in: bool, most: int, told: str
) -> None:
    client = world.client(key="shop.test") if signed_in else world.client()
    fits = await client.post(ME, pad="x" * (most * 9 // 10))
    assert fits.status_code == 200
    assert "data" in fits.json()
    large = await client.post(ME, pad="x" * (most * 11 // 10))
    assert large.status_code == 413
    assert large.json()["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert large.json()["errors"][0]["message"] == f"The request is larger than {told}."


async def test_a_flood_of_strangers_is_told_to_come_again_and_holds_up_nobody_else(world: World) -> None:
    stranger, program = world.client(), world.client(key="shop.test")
    async with contextlib.AsyncExitStack() as flood:
        for _ in range(STRANGERS - 1):
            await flood.enter_async_context(world.platform.strangers)
        assert (await stranger.login("user@shop.test", "wrong horse"))["code"] == "UNAUTHENTICATED", "the last place"
        await flood.enter_async_context(world.platform.strangers)
        for query in (ME, LOGIN):
            turned_away = await stranger.post(query, email="user@shop.test", password=PASSWORD)
            assert (turned_away.status_code, turned_away.headers["retry-after"]) == (503, "5")
            assert turned_away.json()["errors"][0]["extensions"]["code"] == "BUSY"
        assert (await program.ask(ME))["me"] is not None
        async with world.db.connection() as conn:
            assert await conn.fetchval("select count(*) from session") == 0
            assert await conn.fetchval("select max(failures) from attempts") == 1, (
                "what was not tried counts for nothing"
            )
    assert (await stranger.login("user@shop.test"))["__typename"] == "SignedIn"


async def test_a_body_of_unknown_length_is_cut_at_the_limit(world: World) -> None:
    async def endless() -> Any:
        yield b'{"query": "'
        for _ in range(200):
            yield b"x" * 100_000

    client = world.client()
    answer = await client.http.post("/graphql", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


NO_OPERATION = [
    b"",
    b"null",
    b"7",
    b'"{ me { __typename } }"',
    b"{}",
    b'{"query": null}',
    b'{"query": 7}',
    b'{"query": "{ me { __typename } }", "variables": []}',
    b'{"query": "{ me { __typename } }", "operationName": "other"}',
    b'[{"query": "{ me { __typename } }"}]',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"variables":' * 50_000,
]


@pytest.mark.parametrize("body", NO_OPERATION)
async def test_a_body_that_is_no_operation_is_refused(world: World, body: bytes) -> None:
    client = world.client(key="shop.test")
    answer = await client.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID"


async def test_a_long_document_is_refused_and_its_values_fit_into_variables(world: World) -> None:
    client = world.client(key="shop.test")
    long = "x" * limits.DOCUMENT_BYTES
    answer = await client.post(f'{{ recipients(filter: {{search: "{long}"}}) {{ nodes {{ id }} }} }}')
    assert answer.status_code == 400
    query = "query ($s: String!) { recipients(filter: {search: $s}) { nodes { id } } }"
    assert (await client.ask(query, s=long))["recipients"]["nodes"] == []


async def test_a_statement_has_five_seconds(world: World) -> None:
    async with world.platform.db.connection() as conn:
        assert await conn.fetchval("show statement_timeout") == "5s"


async def test_a_subscription_is_not_posted(world: World) -> None:
    client = world.client(key="shop.test")
    for accept in ("*/*", "text/event-stream", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"):
        client.http.headers["accept"] = accept
        answer = await client.post("subscription { events { live } }")
        assert answer.status_code == 400
        assert "WebSocket" in answer.json()["errors"][0]["extensions"]["next"]


async def test_the_server_answers_others_while_it_refuses(world: World) -> None:
    attacker, other = world.client(key="acme.test"), world.client(key="shop.test")
    attacks = asyncio.gather(*(attacker.post(TOO_MUCH["doubling fragments"]) for _ in range(20)))
    for _ in range(5):
        assert (await other.ask(ME))["me"]
    await attacks


async def test_the_schema_may_be_read(world: World) -> None:
    found = await world.client().ask(get_introspection_query())
    seen = lexicographic_sort_schema(build_client_schema(found))
    assert print_schema(seen) == print_schema(lexicographic_sort_schema(build_schema(print_sdl())))


OPERATIONS = sorted((Path(__file__).resolve().parents[2] / "web-vue" / "src").rglob("*.graphql"))


def test_the_dashboards_own_operations_have_room() -> None:
    """Every operation costs at most half of what is allowed, with pages as large as they may be."""
    text = "\n".join(path.read_text() for path in OPERATIONS)
    document = parse(text)
    assert validate(build_schema(print_sdl()), document) == []
    operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    assert operations
    for operation in operations:
        largest = {part.variable.name.value: MOST for part in operation.variable_definitions or ()}
        assert limits.cost(schema._schema, document, operation, largest) <= limits.COST / 2, operation.name
        assert len(print_ast(operation).split()) <= limits.TOKENS / 2
