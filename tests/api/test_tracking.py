"""Does a tracked link lead to exactly where its author wrote, nowhere else, and is every visit told once?"""

import random
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from api import tracking as door
from kit import clock
from kit.crypto import Keyring
from mail import ledger, tracking
from mail.ledger import Fact
from mail.lifecycle import EventKind
from mail.tracking import Tracker
from mail.wire import tracked
from mail.wire.tracked import Whose
from mail.wire.unsubscribe import LANGUAGES
from tests.api.conftest import SECRET, World, until
from tests.mail.test_visits import CHROME
from tests.mail.wire.test_tracked import BAD, GOOD

URLS = Path(__file__).resolve().parents[1] / "corpus" / "urls" / "urls.txt"
KEYS = Keyring(bytes.fromhex(SECRET))

EVENTS = "{ events(first: 100) { nodes { kind recipient machine } } }"
ENGAGEMENT = """query ($from: DateTime!, $to: DateTime!) { engagement(from: $from, to: $to) {
  opens machineOpens opened clicks machineClicks clicked firstOpenDelay opensPerMail clickDelay
  programs { agent system device opens clicks } links { target clicks people } } }"""
VISITS = """query ($id: ID!) { recipient(id: $id) {
  visits { kind at target machine agent system device network country } } }"""
KILL = """mutation ($target: String, $account: ID) { killLink(target: $target, reason: "Phishing.", accountId: $account) {
  __typename ... on DeadLink { id accountId target reason } ... on Problem { code field } } }"""
REVIVE = "mutation ($id: ID!) { reviveLink(id: $id) { __typename ... on Problem { code field } } }"


async def delivered(world: World, account: str = "shop.test", to: str = "a@x.test") -> Tracker:
    """The tracker of a recipient whose mail was delivered a minute ago."""
    message_id = await world.submit(account, to)
    async with world.db.transaction() as conn:
        id: UUID = await conn.fetchval("select id from recipient where message_id = $1", message_id)
        await conn.execute("update recipient set state = 'sending', fence = 1 where id = $1", id)
        now = await clock.now(conn)
        await ledger.record(
            conn,
            [Fact(EventKind.DELIVERED, id, message_id, world.accounts[account], at=now - timedelta(seconds=60))],
        )
    return Tracker(KEYS, world.url("", "shop.localhost"), Whose(world.accounts[account], id, now.date()))


async def fetch(
    world: World,
    url: str | None,
    *,
    method: str = "GET",
    host: str = "shop.localhost",
    agent: str = CHROME,
    **more: str,
) -> httpx.Response:
    """What a browser on this machine gets for a link, by its path."""
    assert url is not None
    path = url[url.index("/t/") :]
    headers = {"host": f"{host}:{world.port}", "user-agent": agent, **more}
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.request(method, world.url(path), headers=headers)


def location(answer: httpx.Response) -> bytes:
    """The one Location field, as it came."""
    [found] = [value for name, value in answer.headers.raw if name.lower() == b"location"]
    return found


async def seen(world: World) -> list[Any]:
    async with world.db.connection() as conn:
        found: list[Any] = await conn.fetch("select * from visit order by at, id")
        return found


async def told(world: World, count: int) -> list[Any]:
    """Wait until so many visits are recorded."""

    async def there() -> bool:
        return len(await seen(world)) >= count

    await until(there, seconds=20)
    return await seen(world)


async def test_a_link_leads_to_exactly_what_was_written(world: World) -> None:
    tracker = await delivered(world)
    short = [target for target in GOOD if not tracker.is_long(target)]
    assert len(short) > 15
    for target in short:
        answer = await fetch(world, tracker.link(target))
        assert (answer.status_code, location(answer), answer.content) == (302, target.encode(), b"")
        assert "set-cookie" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert "livery" not in str(answer.headers).lower()
    assert sorted(row["url"] for row in await told(world, len(short))) == sorted(short)


async def test_every_address_of_the_corpus_comes_back_byte_for_byte(world: World) -> None:
    tracker = await delivered(world)
    targets = [line for line in URLS.read_text("utf-8").split("\n") if tracked.may_track(line)]
    assert len(targets) >= 300
    async with world.db.connection() as conn:
        await tracking.keep(conn, [(world.accounts["shop.test"], one) for one in targets if tracker.is_long(one)])
    headers = {"host": f"click.shop.test:{world.port}", "user-agent": "curl/8.5.0"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        for target in targets:
            link = tracker.link(target) or ""
            answer = await client.get(world.url(link[link.index("/t/") :]))
            assert (answer.status_code, location(answer)) == (302, target.encode())
    assert {row["url"] for row in await told(world, len(targets))} == set(targets)


async def test_a_long_link_leads_on_by_its_id(world: World) -> None:
    tracker, stranger = await delivered(world), await delivered(world, "rival.test", "b@x.test")
    [target] = [target for target in GOOD if tracker.is_long(target)]
    link = tracker.link(target)
    assert (await fetch(world, link)).status_code == 410, "not kept: of a mail that never left"
    async with world.db.connection() as conn:
        await tracking.keep(conn, [(world.accounts["shop.test"], target)])
    for _ in range(2):
        answer = await fetch(world, link)
        assert (answer.status_code, location(answer)) == (302, target.encode())
    assert (await fetch(world, stranger.link(target))).status_code == 410, "another account's is not found"


async def test_what_was_never_made_leads_nowhere(world: World) -> None:
    tracker = await delivered(world)
    link = tracker.link("https://shop.test/") or ""
    good = link[link.index("/t/") + 3 :]
    foreign = tracked.click_token(Keyring(b"o" * 32), tracker.whose, "https://shop.test/", "shop.localhost")
    dice = random.Random(3)
    letters = string.ascii_letters + string.digits + "-_"
    tokens = [foreign, "", "x", good + "x", good[:-1], good + "/", good + ".gif", good.swapcase(), "..%2F" + good]
    for _ in range(300):
        place = dice.randrange(len(good))
        tokens.append(good[:place] + dice.choice(letters.replace(good[place], "")) + good[place + 1 :])
    bad = [target for target in BAD[1:40] if "\ud800" not in target]
    tokens += [tracked.click_token(KEYS, tracker.whose, target, "shop.localhost") for target in bad]
    headers = {"host": f"shop.localhost:{world.port}"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        for token in tokens:
            answer = await client.get(world.url(f"/t/{token}"))
            assert (answer.status_code, "location" in answer.headers) == (404, False), token
        assert (await client.get(world.url(f"/t/{good}"))).status_code == 302
    assert len(await told(world, 1)) == 1


async def test_what_others_append_changes_nothing(world: World) -> None:
    link = (await delivered(world)).link("https://shop.test/a?b")
    answer = await fetch(world, f"{link}?src=https://evil.test/&fbclid=x")
    assert (answer.status_code, location(answer)) == (302, b"https://shop.test/a?b")


async def test_the_pixel_is_one_transparent_dot(world: World) -> None:
    tracker = await delivered(world)
    answer = await fetch(world, tracker.pixel())
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "image/gif", door._PIXEL)
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    head = await fetch(world, tracker.pixel(), method="HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(door._PIXEL)))
    assert (await fetch(world, tracker.pixel().removesuffix(".gif"))).status_code == 404
    assert [row["machine"] for row in await told(world, 2)] == [None, "head"]


async def test_other_methods_are_refused_and_nothing_is_told(world: World) -> None:
    link = (await delivered(world)).link("https://shop.test/")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = await fetch(world, link, method=method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert (await fetch(world, link)).status_code == 302
    assert len(await told(world, 1)) == 1


async def test_links_lead_on_under_any_host(world: World) -> None:
    tracker = await delivered(world)
    for host in ("click.shop.test", "gone.example", "127.0.0.1"):
        assert (await fetch(world, tracker.link("https://shop.test/"), host=host)).status_code == 302
        page = await fetch(world, "/t/nothing", host=host)
        assert (page.status_code, page.text) == (404, "Not found.\n")


async def test_nobody_sends_people_elsewhere_behind_another_s_name(world: World) -> None:
    """Else whoever signs up could pass off a page as a shop's, by a link that the shop never sent."""
    shop, rival = await delivered(world), await delivered(world, "rival.test", "b@x.test")
    lure = replace(rival, base=world.url("", "rival.localhost")).link("https://shop.test.login.test/")
    assert (await fetch(world, lure, host="rival.localhost")).status_code == 302
    assert (await fetch(world, lure, host="click.shop.test")).status_code == 302, "nobody's yet"
    async with world.db.connection() as conn:
        await conn.execute(
            """with own as (insert into domain (id, account_id, name, verified_at)
                           values (gen_random_uuid(), $1, 'shop.test', livery_now()) returning id)
               insert into domain_host (host, domain_id, kind, verified_at)
               select 'click.shop.test', id, 'tracking', livery_now() from own""",
            world.accounts["shop.test"],
        )
        await conn.execute(
            "insert into account_host (host, account_id) values ('localhost', $1)", world.accounts["acme.test"]
        )
    await world.platform.links.refresh()
    assert (await fetch(world, lure, host="localhost")).status_code == 302, "the platform's own, and a proxy's"
    for host in ("shop.localhost", "SHOP.localhost.", "acme.localhost", "click.shop.test"):
        answer = await fetch(world, lure, host=host)
        assert (answer.status_code, "location" in answer.headers) == (404, False), host
    own = replace(shop, base="https://click.shop.test")
    assert (await fetch(world, own.link("https://shop.test/"), host="click.shop.test")).status_code == 302
    assert (await fetch(world, shop.link("https://shop.test/"), host="shop.localhost")).status_code == 302
    assert len(await told(world, 5)) == 5


async def test_links_are_over_after_four_hundred_days(world: World) -> None:
    tracker = await delivered(world)
    old = replace(tracker, whose=replace(tracker.whose, day=tracker.whose.day - timedelta(days=401)))
    link = tracker.link("https://shop.test/")
    assert (await fetch(world, link)).status_code == 302
    assert (await fetch(world, old.link("https://shop.test/"))).status_code == 410
    for days, status in ((399, 302), (3, 410)):
        async with world.db.connection() as conn:
            await clock.shift(conn, timedelta(days=days))
        await world.platform.links.refresh()
        assert (await fetch(world, link)).status_code == status
    answer = await fetch(world, tracker.pixel())
    assert (answer.status_code, answer.content) == (200, door._PIXEL), "a picture, and nobody is told"
    assert [row["kind"] for row in await told(world, 2)] == ["clicked", "clicked"]


async def test_a_killed_link_leads_nowhere_until_it_is_revived(world: World) -> None:
    tracker = await delivered(world)
    bad, fine = tracker.link("https://shop.test/bad"), tracker.link("https://shop.test/fine")
    parent = world.client("acme.localhost")
    await parent.login("user@acme.test")
    shop = str(world.accounts["shop.test"])

    async def statuses(*wanted: int) -> None:
        async def reached() -> bool:
            return [(await fetch(world, link)).status_code for link in (bad, fine)] == list(wanted)

        await until(reached, seconds=20)

    await statuses(302, 302)
    one = (await parent.ask(KILL, target="https://shop.test/bad", account=shop))["killLink"]
    assert one == {
        "__typename": "DeadLink",
        "id": one["id"],
        "accountId": shop,
        "target": "https://shop.test/bad",
        "reason": "Phishing.",
    }
    await statuses(410, 302)
    assert "location" not in (await fetch(world, bad)).headers
    every = (await parent.ask(KILL, target=None, account=shop))["killLink"]
    await statuses(410, 410)
    listed = (await world.client(key="shop.test").ask("{ deadLinks { id target } }"))["deadLinks"]
    assert listed == [{"id": every["id"], "target": None}, {"id": one["id"], "target": "https://shop.test/bad"}]
    assert (await parent.ask(REVIVE, id=every["id"]))["reviveLink"]["__typename"] == "DeadLink"
    assert (await parent.ask(REVIVE, id=one["id"]))["reviveLink"]["__typename"] == "DeadLink"
    await statuses(302, 302)
    assert (await parent.ask(REVIVE, id=one["id"]))["reviveLink"] == {
        "__typename": "Problem",
        "code": "MISSING",
        "field": None,
    }


async def test_whoever_follows_a_killed_link_is_told_in_the_senders_brand_and_their_language(world: World) -> None:
    tracker = await delivered(world)
    link, other = tracker.link("https://shop.test/bad"), tracker.link("https://shop.test/fine")
    async with world.db.connection() as conn:
        await conn.execute(
            """update account set brand_name = 'Acme & Söhne', brand_color = '#ffcc00',
                                  privacy_url = 'https://acme.test/privacy' where id = $1""",
            world.accounts["acme.test"],
        )
    client = world.client("acme.localhost")
    await client.login("user@acme.test")
    await client.ask(KILL, target="https://shop.test/bad", account=str(world.accounts["shop.test"]))
    await world.platform.links.refresh()
    for language, header in [*((one, one) for one in LANGUAGES), ("en", "ja"), ("de", "ja, de-AT;q=0.8, en;q=0.2")]:
        page = await fetch(world, link, **{"accept-language": header})
        title, said = door.OVER[language]
        assert page.status_code == 410
        assert f'<html lang="{language}" dir="{"rtl" if language == "he" else "ltr"}">' in page.text
        for there in (f"<title>{title}</title>", f"<h1>{title}</h1>", said, "Acme &amp; Söhne", "#ffcc00"):
            assert there in page.text
        for absent in ("Phishing", "shop.test/bad", "<form", "<script", "<a ", "src=", "Livery"):
            assert absent not in page.text
        assert page.headers["content-language"] == language
    plain = await fetch(world, link)
    policy = plain.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for name, value in (
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex, nofollow"),
        ("x-content-type-options", "nosniff"),
    ):
        assert plain.headers.get_list(name) == [value]
    assert "set-cookie" not in plain.headers
    head = await fetch(world, link, method="HEAD")
    assert (head.status_code, head.content, head.headers["content-length"]) == (410, b"", str(len(plain.content)))
    answer = await fetch(world, other)
    assert (answer.status_code, location(answer)) == (302, b"https://shop.test/fine")
    assert [row["url"] for row in await told(world, 1)] == ["https://shop.test/fine"]


def test_every_language_has_its_own_words_for_a_link_that_is_over() -> None:
    assert list(door.OVER) == list(LANGUAGES)
    for place in (0, 1):
        assert len({words[place] for words in door.OVER.values()}) == len(LANGUAGES)


async def test_visits_come_to_the_ledger_and_the_report(world: World) -> None:
    tracker = await delivered(world)
    start = datetime.now(UTC) - timedelta(hours=1)
    await fetch(world, tracker.pixel())
    await fetch(world, tracker.pixel(), agent="Mozilla/5.0")
    await told(world, 2)
    await fetch(world, tracker.link("https://shop.test/a"), **{"sec-purpose": "prefetch;prerender"})
    await fetch(world, tracker.link("https://shop.test/a"))
    rows = await told(world, 4)
    assert {row["ip"] for row in rows} == {"127.0.0.0/24"}
    program = world.client(key="shop.test")
    facts = (await program.ask(EVENTS))["events"]["nodes"]
    assert sorted((fact["kind"], fact["machine"]) for fact in facts) == [
        ("ACCEPTED", False),
        ("CLICKED", False),
        ("CLICKED", True),
        ("DELIVERED", False),
        ("OPENED", False),
        ("OPENED", True),
    ]
    seen = (await program.ask(VISITS, id=str(tracker.whose.recipient_id)))["recipient"]["visits"]
    assert sorted((one["kind"], one["target"] or "", one["machine"] or "") for one in seen) == [
        ("CLICKED", "https://shop.test/a", ""),
        ("CLICKED", "https://shop.test/a", "look_ahead"),
        ("OPENED", "", ""),
        ("OPENED", "", "privacy_proxy"),
    ]
    assert {(one["agent"], one["system"], one["network"], one["country"]) for one in seen if not one["machine"]} == {
        ("Chrome", "Windows", "127.0.0.0/24", None)
    }
    end = datetime.now(UTC) + timedelta(hours=1)
    found = (await program.ask(ENGAGEMENT, **{"from": start.isoformat(), "to": end.isoformat()}))["engagement"]
    assert 55 < found.pop("firstOpenDelay") < 90
    assert 0 < found.pop("clickDelay") < 20
    assert found == {
        "opens": 1,
        "machineOpens": 1,
        "opened": 1,
        "clicks": 1,
        "machineClicks": 1,
        "clicked": 1,
        "opensPerMail": 1.0,
        "programs": [{"agent": "Chrome", "system": "Windows", "device": "desktop", "opens": 1, "clicks": 1}],
        "links": [{"target": "https://shop.test/a", "clicks": 1, "people": 1}],
    }
    rival = world.client(key="rival.test")
    nothing = (await rival.ask(ENGAGEMENT, **{"from": start.isoformat(), "to": end.isoformat()}))["engagement"]
    assert (nothing["opens"], nothing["links"]) == (0, [])


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "to"),
        ("2024-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "from"),
    ],
)
async def test_a_report_of_no_time_or_too_much_is_refused(world: World, start: str, end: str, field: str) -> None:
    [error] = await world.client(key="shop.test").errors(ENGAGEMENT, **{"from": start, "to": end})
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", [field])
