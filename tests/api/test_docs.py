"""Does docs/api.md tell the truth? Every example in it is run; where a JSON block follows, its output must look like that."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from api.graphql.limits import COST, cost
from api.graphql.schema import print_sdl, schema
from tests.api.conftest import World

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```\n(?:```json\n(.*?)^```\n)?", PAGE, re.DOTALL | re.MULTILINE)
RUN = [(kind, code, expected) for kind, code, expected in BLOCKS if kind in {"sh", "python"}]


def fits(found: Any, expected: Any) -> bool:
    """Whether a JSON value looks like the expected one, in which "…" stands for anything but null."""
    if expected == "…":
        return found is not None
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(fits(found[name], expected[name]) for name in expected)
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(fits, found, expected))
    return bool(found == expected)


def test_the_page_has_examples() -> None:
    assert len([block for block in RUN if block[0] == "sh"]) >= 5
    assert len([block for block in RUN if block[0] == "python"]) >= 2


@pytest.mark.parametrize(("kind", "code", "expected"), RUN, ids=[f"{n}-{block[0]}" for n, block in enumerate(RUN)])
async def test_an_example_does_what_the_page_says(world: World, kind: str, code: str, expected: str) -> None:
    await world.submit("shop.test", "first@remote.test", subject="Before")
    program = ["bash", "-euo", "pipefail", "-c", code] if kind == "sh" else [sys.executable, "-c", code]
    process = await asyncio.create_subprocess_exec(
        *program,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "API": world.url(""),
            "KEY": world.keys["shop.test"],
            "ADMIN_KEY": world.keys["admin@shop.test"],
            "RESELLER_KEY": world.keys["admin@acme.test"],
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    if expected:
        assert fits(json.loads(out), json.loads(expected)), out.decode()
    else:
        assert "first@remote.test Before" in out.decode()


def test_the_json_it_shows_is_json() -> None:
    bodies = re.findall(r"<<'JSON'(?: \|)?\n(.*?)\nJSON", PAGE, re.DOTALL)
    assert len(bodies) >= 4
    assert all(json.loads(body)["query"] for body in bodies)


def test_the_queries_it_shows_are_valid_and_affordable() -> None:
    shown = [code for kind, code, _ in BLOCKS if kind == "graphql"]
    assert shown
    for text in shown:
        document = parse(text)
        assert validate(build_schema(print_sdl()), document) == []
        assert cost(schema._schema, document, document.definitions[0], {}) < COST / 2  # type: ignore[arg-type]


def test_the_figures_it_names_are_those_of_the_code() -> None:
    from api import operations, sockets
    from api.graphql import limits, pages
    from mail import compose, live

    figures = [
        f"{operations.BODY // 1_000_000} MB; {operations.SEND_BODY // 1_000_000} MB",
        f"{operations.STRANGERS_BODY // 1000} kB for who is not",
        f"{limits.DOCUMENT_BYTES // 1024} kB, {limits.TOKENS:,} tokens, {limits.DEPTH} levels, {limits.ALIASES} aliases",
        f"{limits.COST:,} objects",
        f"{pages.MOST} rows",
        f"{sockets.PER_USER} connections a user, {sockets.SUBSCRIPTIONS} subscriptions a connection",
        f"{sockets.MESSAGE_BYTES // 1024} kB a message from you, {live.PAGE} events a batch",
        f"| {compose.MOST_RECIPIENTS:,} |",
    ]
    assert [figure for figure in figures if figure not in PAGE] == []
