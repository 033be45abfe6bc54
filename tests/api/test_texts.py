"""Which texts does the API take? All that can be stored; the others are refused before anything runs, in every argument."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_named_type,
    is_composite_type,
)
from structlog.testing import capture_logs

from api.graphql.schema import schema
from tests.api.conftest import World
from tests.api.live import connected
from tests.api.people import ASK_RESET
from tests.api.walk import digest

NUL = "A text cannot have the character U+0000 in it."
CORE = schema._schema
TEXTS = {"String": "ab", "ID": "ab", "Date": "2026-11-23", "DateTime": "2026-11-23T05:00:00Z"}
PLAIN: dict[str, Any] = {**TEXTS, "Int": 1, "BigInt": 1, "Boolean": False}

Path = tuple[str, ...]


def value(type_: Any, path: Path = ()) -> Any:
    """A value of a type: as little as it takes, and a text at `path`."""
    if isinstance(type_, GraphQLNonNull):
        return value(type_.of_type, path)
    if isinstance(type_, GraphQLList):
        return [value(type_.of_type, path[1:])]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: value(field.type, path[1:] if path[:1] == (name,) else ())
            for name, field in type_.fields.items()
            if path[:1] == (name,) or isinstance(field.type, GraphQLNonNull)
        }
    return PLAIN[type_.name]


def texts(type_: Any) -> Iterator[Path]:
    """Where a value of a type has texts in it."""
    if isinstance(type_, GraphQLNonNull):
        yield from texts(type_.of_type)
    elif isinstance(type_, GraphQLList):
        yield from (("0", *path) for path in texts(type_.of_type))
    elif isinstance(type_, GraphQLInputObjectType):
        yield from ((name, *path) for name, field in type_.fields.items() for path in texts(field.type))
    elif isinstance(type_, GraphQLScalarType) and type_.name in TEXTS:
        yield ()


def with_nul(found: Any, path: Path) -> Any:
    """The value with U+0000 in the text at `path`."""
    if not path:
        return found[:1] + "\0" + found[1:]
    if isinstance(found, list):
        return [with_nul(found[0], path[1:])]
    return {**found, path[0]: with_nul(found[path[0]], path[1:])}


def asked(kind: str, name: str, path: Path) -> tuple[str, dict[str, Any]]:
    """A document that asks for one field with its arguments as variables, and their values, with a text at `path`."""
    field = (CORE.query_type if kind == "query" else CORE.mutation_type).fields[name]  # type: ignore[union-attr]
    wanted: dict[str, GraphQLArgument] = {
        one: argument
        for one, argument in field.args.items()
        if one == path[0] or isinstance(argument.type, GraphQLNonNull)
    }
    variables = {one: value(argument.type, path[1:] if one == path[0] else ()) for one, argument in wanted.items()}
    declared = ", ".join(f"${one}: {argument.type}" for one, argument in wanted.items())
    given = ", ".join(f"{one}: ${one}" for one in wanted)
    selected = "{ __typename }" if is_composite_type(get_named_type(field.type)) else ""
    return f"{kind} ({declared}) {{ {name}({given}) {selected} }}", variables


ARGUMENTS = [
    (kind, name, (one, *path))
    for kind, root in (("query", CORE.query_type), ("mutation", CORE.mutation_type))
    for name, field in (root.fields if root else {}).items()
    for one, argument in field.args.items()
    for path in texts(argument.type)
]


async def test_no_text_argument_of_the_schema_takes_a_nul(world: World) -> None:
    assert len(ARGUMENTS) > 100
    program, stranger = world.client(key="admin@shop.test"), world.client("shop.localhost")
    before = await digest(world)
    with capture_logs() as logs:
        for kind, name, path in ARGUMENTS:
            document, plain = asked(kind, name, path)
            for client in (program, stranger):
                answer = (await client.post(document, **with_nul(plain, path))).json()
                assert "data" not in answer or answer["data"] is None, (name, path, answer)
                [error] = answer["errors"]
                assert (error["message"], error["extensions"]["code"], error["extensions"]["field"]) == (
                    NUL,
                    "INVALID",
                    list(path),
                )
    assert logs == []
    assert await digest(world) == before
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from attempts") == 0, "nothing was tried"


async def test_without_it_every_one_of_them_is_heard(world: World) -> None:
    program = world.client(key="admin@shop.test")
    with capture_logs() as logs:
        for kind, name, path in ARGUMENTS:
            document, plain = asked(kind, name, path)
            answer = (await program.post(document, **plain)).json()
            for error in answer.get("errors", ()):
                assert error["message"] != NUL
                assert error["extensions"]["code"] != "INTERNAL", (name, path)
                assert not error["message"].startswith("Variable"), (name, path, error)
    assert [line for line in logs if line["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "document",
    [
        'mutation { login(email: "a\\u0000@shop.test", password: "x") { __typename } }',
        'mutation { login(email: "a\\u{0}@shop.test", password: "x") { __typename } }',
        'mutation { login(email: """a\0@shop.test""", password: "x") { __typename } }',
        'mutation { requestPasswordReset(email: "\\u0000") { __typename } }',
        'mutation ($x: String = "\\u0000") { requestPasswordReset(email: $x) { __typename } }',
    ],
)
async def test_nor_does_the_document_itself(world: World, document: str) -> None:
    stranger = world.client("shop.localhost")
    with capture_logs() as logs:
        for _ in range(2):  # the second time from memory
            [error] = await stranger.errors(document)
            assert (error["message"], error["extensions"]["code"]) == (NUL, "INVALID")
            assert error["locations"]
    assert logs == []
    assert (await stranger.login("user@shop.test"))["__typename"] == "SignedIn"


async def test_on_the_live_channel_too(world: World) -> None:
    async with connected(world, key="shop.test") as live:
        await live.open()
        with capture_logs() as logs:
            await live.subscribe(after="a\0b")
            answer = await live.receive()
            assert (answer["type"], answer["payload"][0]["message"]) == ("error", NUL)
            assert logs == []
        await live.subscribe(id="2")
        assert (await live.batch())["events"] == []


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\\udfffx"', b'"a\\ud800\\u0041"', b'"\xed\xa0\x80"', b'"\xff"'])
async def test_half_a_surrogate_is_no_text(world: World, text: bytes) -> None:
    stranger = world.client("shop.localhost")
    headers = {"content-type": "application/json"}
    body = b'{"query": ' + json.dumps(ASK_RESET).encode() + b', "variables": {"email": ' + text + b"}}"
    with capture_logs() as logs:
        answer = await stranger.http.post("/graphql", content=body, headers=headers)
        said = b'{"query": "mutation { requestPasswordReset(email: \\"\\\\ud800\\") { __typename } }"}'
        written = await stranger.http.post("/graphql", content=said, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "INVALID")
    assert written.json()["errors"][0]["extensions"]["code"] == "INVALID"
    assert logs == []
    whole = body.replace(text, b'"\\ud83d\\ude00"')
    assert (await stranger.http.post("/graphql", content=whole, headers=headers)).json()["data"] == {
        "requestPasswordReset": {"__typename": "ResetRequested", "email": "\U0001f600"}
    }


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00"])
async def test_a_time_that_utc_has_no_year_for_is_none(world: World, moment: str) -> None:
    program = world.client(key="shop.test")
    query = "query ($t: DateTime!) { recipients(filter: {since: $t}) { nodes { id } } }"
    with capture_logs() as logs:
        [error] = await program.errors(query, t=moment)
        [literal] = await program.errors(f'{{ recipients(filter: {{since: "{moment}"}}) {{ nodes {{ id }} }} }}')
    for found in (error, literal):
        assert found["extensions"]["code"] == "INVALID"
        assert "from the year 1 to 9999 in UTC" in found["message"]
    assert logs == []


EDGES = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
async def test_times_at_the_calendars_edge_are_no_fault_of_ours(world: World, zone: str) -> None:
    program = world.client(key="admin@shop.test")
    await world.submit("shop.test", "a@b.test")
    counted = """query ($from: DateTime!, $to: DateTime!, $bucket: Bucket!, $zone: String!) {
        statistics(from: $from, to: $to, bucket: $bucket, timeZone: $zone) { timeZone } }"""
    made = """mutation ($at: DateTime!) { createCredential(input: {kind: API, name: "k", expiresAt: $at}) {
        __typename ... on Problem { code field } } }"""
    listed = "query ($t: DateTime!) { recipients(filter: {since: $t}) { nodes { id } } }"
    with capture_logs() as logs:
        for edge in EDGES:
            for bucket in ("HOUR", "DAY", "WEEK", "MONTH"):
                for period in ((edge, "2026-11-23T00:00:00Z"), ("2026-11-23T00:00:00Z", edge), (edge, edge)):
                    errors = await program.errors(
                        counted, **{"from": period[0], "to": period[1]}, bucket=bucket, zone=zone
                    )
                    assert [error["extensions"]["code"] for error in errors] == ["INVALID"]
            assert "errors" not in (await program.post(made, at=edge)).json()
            assert len((await program.ask(listed, t=edge))["recipients"]["nodes"]) == (edge == EDGES[0])
        within = {"from": "0001-02-01T00:00:00Z", "to": "0001-04-01T00:00:00Z"}
        assert (await program.ask(counted, **within, bucket="MONTH", zone="UTC"))["statistics"] == {"timeZone": "UTC"}
    assert [line for line in logs if line["log_level"] == "error"] == []
