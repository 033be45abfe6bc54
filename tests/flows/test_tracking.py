"""A reader opens and clicks what was sent; while the database is away links lead on, and each visit is told afterwards, once."""

import asyncio
import email
import email.policy
import html
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from kit.crypto import Keyring
from mail.wire import tracked
from mail.wire.tracked import Whose
from tests.support.databases import make_template, make_world_template
from tests.support.graphql import Api
from tests.support.postgres import Postgres, embedded_binaries
from tests.support.sink import Sink
from tests.support.stage import Stage, eventually
from tests.support.world import PASSWORD, SECRET_KEY

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
TRACK = """mutation { updateTreatment(input: {trackOpens: true, trackClicks: true}) {
  __typename ... on Problem { code message } } }"""
LONG = "https://shop.test/long?" + "&".join(f"name{n}=value%2F{n}" for n in range(80))
TARGETS = ["https://shop.test/a?b=c&d=%2F#e", "http://shop.test/plain", "https://shop.test/bücher?ü=ß", LONG]


@pytest.fixture(scope="module")
def populated() -> Iterator[Postgres]:
    """A server of this file's own, to be stopped."""
    server = Postgres(embedded_binaries())
    try:
        server.start()
        make_template(server)
        make_world_template(server)
        yield server
    finally:
        server.remove()


@pytest.fixture
async def stage_tracked(stage: Stage) -> Stage:
    """Shop tracks opens and clicks."""
    owner = await Api(stage.platform.url).login(stage.world.shop.email, PASSWORD)
    assert (await owner.run(TRACK))["updateTreatment"]["__typename"] == "Treatment"
    return stage


def letter(to: str) -> bytes:
    links = "".join(f'<p><a href="{html.escape(target)}">x</a></p>' for target in TARGETS)
    return (
        f"From: user@shop.test\r\nTo: {to}\r\nSubject: News\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n"
        f"Message-ID: <{to}>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n<html><body>{links}</body></html>\r\n"
    ).encode()


async def received(stage: Stage, to: str) -> tuple[list[str], str]:
    """Send a mail; the links and the pixel that its reader gets, a minute after it was delivered."""
    async with stage.host(Sink()) as sink:
        await stage.submit(letter(to), [to])
        [mail] = await sink.receives(1)
        await stage.settle()
    await stage.later(timedelta(minutes=1))
    message = email.message_from_bytes(mail.content, policy=email.policy.default)
    text = message.get_content()
    links = [html.unescape(link) for link in re.findall(r'href="([^"]*)"', text)]
    [pixel] = re.findall(r'<img[^>]*src="([^"]*/t/[^"]*)"', text)
    return links, html.unescape(pixel)


async def fetch(stage: Stage, url: str, *, agent: str = CHROME) -> httpx.Response:
    """What a browser gets: links stand under a host of the account, which only browsers take to loopback."""
    place = httpx.URL(url)
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.get(
            f"{stage.platform.url}{place.raw_path.decode()}",
            headers={"host": place.netloc.decode(), "user-agent": agent},
        )


def target(answer: httpx.Response) -> str:
    assert answer.status_code == 302, answer.text
    [found] = [value.decode() for name, value in answer.headers.raw if name.lower() == b"location"]
    return found


def never_sent(stage: Stage) -> str:
    """The token of a long link that no mail ever held."""
    whose = Whose(stage.world.shop.id, UUID(int=1), date.today())
    target = tracked.long_id(whose.account_id, "https://shop.test/")
    return tracked.click_token(Keyring(SECRET_KEY), whose, target, "shop.localhost")


async def facts(stage: Stage, to: str) -> list[tuple[str, bool, bool]]:
    """What is known of a reader's opens and clicks: kind, by a machine, the first."""
    async with stage.database() as conn:
        rows = await conn.fetch(
            """select kind, machine, is_first from event e join recipient r on r.id = e.recipient_id
                where r.address = $1 and kind in ('opened', 'clicked') order by e.at, e.id""",
            to,
        )
    return [tuple(row) for row in rows]


def nothing_in(folder: Path) -> Callable[[], Awaitable[bool | None]]:
    """Whether no visit waits there."""

    async def look() -> bool | None:
        return None if any(path.stat().st_size for path in folder.iterdir()) else True

    return look


async def become(stage: Stage, to: str, count: int) -> list[tuple[str, bool, bool]]:
    async def look() -> Any:
        found = await facts(stage, to)
        return found if len(found) >= count else None

    found: list[tuple[str, bool, bool]] = await eventually(look, f"{count} visits of {to}", explain=stage.explain)
    return found


async def test_a_reader_is_led_where_the_author_wrote_and_counted_once(stage_tracked: Stage) -> None:
    stage = stage_tracked
    links, pixel = await received(stage, "reader@far.test")
    assert len(links) == len(TARGETS)
    assert all(re.match(r"http://shop\.localhost:\d+/t/", link) and len(link) <= 400 for link in [*links, pixel])
    assert not [link for link in links if "reader" in link or "shop.test" in link]
    assert (await fetch(stage, pixel)).status_code == 200
    await become(stage, "reader@far.test", 1)
    for count, (link, written) in enumerate(zip(links, TARGETS, strict=True), 2):
        assert target(await fetch(stage, link)) == written
        await stage.later(timedelta(seconds=5))
        await become(stage, "reader@far.test", count)
    assert await facts(stage, "reader@far.test") == [
        ("opened", False, True),
        ("clicked", False, True),
        *[("clicked", False, False)] * 3,
    ]


async def test_while_the_database_is_away_links_lead_on_and_are_told_afterwards(
    stage_tracked: Stage, populated: Postgres
) -> None:
    stage = stage_tracked
    links, pixel = await received(stage, "patient@far.test")
    # Long links are known by heart within seconds of the mail.
    assert target(await fetch(stage, links[3], agent="curl/8.5.0")) == LONG
    await become(stage, "patient@far.test", 1)
    folder = stage.platform.folder / "data" / "visits"
    await eventually(nothing_in(folder), "an empty spool", explain=stage.explain)
    unheard_of = f"http://shop.localhost/t/{never_sent(stage)}"
    whose = Whose(stage.world.shop.id, UUID(int=2), date(2024, 1, 1))
    old = "http://shop.localhost/t/" + tracked.click_token(
        Keyring(SECRET_KEY), whose, "https://shop.test/", "shop.localhost"
    )
    await asyncio.to_thread(populated.stop)
    try:
        for link, written in zip(links, TARGETS, strict=True):
            assert target(await fetch(stage, link)) == written, "whoever asked the database would have got 503"
        assert (await fetch(stage, pixel)).status_code == 200
        nowhere = await fetch(stage, unheard_of)
        assert (nowhere.status_code, nowhere.headers["retry-after"]) == (503, "60"), "the one that has to be looked up"
        gone = await fetch(stage, old)
        assert (gone.status_code, "This link no longer works" in gone.text) == (410, True), "in nobody's brand"
        assert 'brand">' not in gone.text
        [spool] = folder.iterdir()
        assert spool.read_bytes().count(b"\n") == 5
    finally:
        await asyncio.to_thread(populated.start)

    async def over() -> bool | None:
        return True if (await fetch(stage, unheard_of)).status_code == 410 else None

    await eventually(over, "an answer about the long link")
    found = await become(stage, "patient@far.test", 6)
    assert sorted(kind for kind, _, _ in found) == ["clicked"] * 5 + ["opened"]
    assert [first for kind, _, first in found if kind == "opened"] == [True]
    assert sum(first for kind, _, first in found if kind == "clicked") <= 1, "none where all links came in a second"
    async with stage.database() as conn:
        urls = await conn.fetch(
            "select url from visit v join recipient r on r.id = v.recipient_id"
            " where r.address = 'patient@far.test' and kind = 'clicked'"
        )
    assert sorted(row["url"] for row in urls) == sorted([LONG, *TARGETS])


async def test_an_api_that_is_killed_meanwhile_loses_nothing(stage_tracked: Stage, populated: Postgres) -> None:
    stage = stage_tracked
    links, pixel = await received(stage, "killed@far.test")
    await asyncio.to_thread(populated.stop)
    try:
        for _ in range(20):
            assert target(await fetch(stage, links[0])) == TARGETS[0]
        assert (await fetch(stage, pixel)).status_code == 200
        stage.platform.kill("api")
    finally:
        await asyncio.to_thread(populated.start)
    await asyncio.to_thread(stage.platform.launch, "api")
    await become(stage, "killed@far.test", 21)
    # Once more through everything that could tell it again.
    await asyncio.to_thread(stage.platform.stop, "api")
    await asyncio.to_thread(stage.platform.launch, "api")
    assert (await fetch(stage, pixel)).status_code == 200
    assert len(await become(stage, "killed@far.test", 22)) == 22
