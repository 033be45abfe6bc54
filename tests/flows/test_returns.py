"""Mail that comes back is judged: a bounce a day later, both ways at once, a complaint, a report posted by HTTP."""

import asyncio
import smtplib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from kit.crypto import Keyring
from mail.wire import returnpath
from tests.mail.test_returns import AWAY, GONE, complaint, report
from tests.support.mails import plain
from tests.support.platform import MAIL_DOMAIN
from tests.support.postgres import Postgres
from tests.support.sink import Sink
from tests.support.stage import Stage, eventually, staged
from tests.support.world import SECRET_KEY

TOTALS = """{ statistics(from: "2026-01-01T00:00:00Z", to: "2027-12-31T00:00:00Z", bucket: MONTH, timeZone: "UTC")
    { totals { total delivered bounced complained } } }"""


@pytest.fixture
def stage(populated: Postgres) -> Iterator[Stage]:
    """One platform a test: the counts are its own."""
    yield from staged(populated)


async def returns(stage: Stage, to: str, content: bytes, *, sender: str = "") -> None:
    """Another mail system brings this to the port for returned mail."""

    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", stage.platform.mx, timeout=30) as session:
            session.sendmail(sender, [to], content)

    await asyncio.to_thread(deliver)


async def sent(stage: Stage, sink: Sink, address: str) -> str:
    """Send one mail to this address; the return path under which the remote took it."""
    await stage.submit(plain("user@shop.test", address, "Hello"), [address])
    mails = await sink.receives(len(sink.mails) + 1)
    await stage.reach(lambda states: states.get(address) == "delivered", "delivery")
    return mails[-1].sender


async def ended(stage: Stage, address: str, kind: str) -> list[str]:
    """Wait for a fact of this kind; every fact of the address, in order."""

    async def look() -> list[str] | None:
        async with stage.database() as conn:
            rows = await conn.fetch(
                """select e.kind from event e join recipient r on r.id = e.recipient_id
                    where r.address = $1 order by e.epoch, e.xid, e.id""",
                address,
            )
        kinds = [row["kind"] for row in rows]
        return kinds if kind in kinds else None

    return await eventually(look, kind, explain=stage.explain)


async def noted(stage: Stage, count: int) -> list[str]:
    """Wait until so many returned mails are judged; what each was."""

    async def look() -> list[str] | None:
        async with stage.database() as conn:
            rows = await conn.fetch("select kind from returned_mail where judged_at is not null order by id")
        return [row["kind"] for row in rows] if len(rows) >= count else None

    return await eventually(look, f"{count} judged", explain=stage.explain)


async def listed(stage: Stage) -> list[tuple[str, str]]:
    async with stage.database() as conn:
        rows = await conn.fetch("select address, reason from suppression order by address")
    return [(row["address"], row["reason"]) for row in rows]


async def totals(stage: Stage) -> dict[str, int]:
    """What the account is shown, once it has been counted."""
    counted: dict[str, Any] = {}

    async def look() -> bool | None:
        shown = (await stage.api(stage.world.shop).run(TOTALS))["statistics"]["totals"]
        same = counted == shown
        counted.clear()
        counted.update(shown)
        await asyncio.sleep(0.5)
        return True if same else None

    await eventually(look, "counts")
    return {name: int(count) for name, count in counted.items()}


async def test_a_hard_bounce_at_smtp_time_by_report_and_both_suppresses_once(stage: Stage) -> None:
    async with stage.host() as sink:
        sink.answers("550 5.1.1 no such user here", to="now@far.test")
        path = await sent(stage, sink, "later@far.test")
        await stage.submit(plain("user@shop.test", "now@far.test", "Hello"), ["now@far.test"])
        await stage.reach(lambda states: states.get("now@far.test") == "bounced", "bounce")
        await stage.later(timedelta(days=1))
        dead = report("later@far.test", "5.1.1", "550 5.1.1 no such user here")
        # By report, a day later; then again, as some hosts do; and a report of what had bounced at SMTP time.
        await returns(stage, path, dead)
        assert await ended(stage, "later@far.test", "bounced") == ["accepted", "delivered", "bounced"]
        await returns(stage, path.upper(), dead)
        async with stage.database() as conn:
            id = await conn.fetchval("select id from recipient where address = 'now@far.test'")
        both = f"{returnpath.encode(Keyring(SECRET_KEY), id)}@{MAIL_DOMAIN}"
        await returns(stage, both, report("now@far.test", "5.1.1", "550 5.1.1 no such user here"))
        assert await noted(stage, 3) == ["bounce"] * 3
    assert await ended(stage, "later@far.test", "bounced") == ["accepted", "delivered", "bounced"]
    assert await ended(stage, "now@far.test", "bounced") == ["accepted", "bounced"]
    assert await listed(stage) == [("later@far.test", "bounce"), ("now@far.test", "bounce")]
    assert await totals(stage) == {"total": 2, "delivered": 1, "bounced": 2, "complained": 0}
    # The next mail to them does not leave.
    await stage.submit(plain("user@shop.test", "later@far.test", "Again"), ["later@far.test", "now@far.test"])
    states = await stage.settle()
    assert (states["later@far.test"], states["now@far.test"]) == ("suppressed", "suppressed")


async def test_a_complaint_by_a_feedback_loop_suppresses_at_once(stage: Stage) -> None:
    async with stage.host() as sink:
        path = await sent(stage, sink, "cross@far.test")
        await returns(stage, f"feedback@{MAIL_DOMAIN}", complaint(path), sender="fbl@far.test")
        assert await ended(stage, "cross@far.test", "complained") == ["accepted", "delivered", "complained"]
        await returns(stage, f"feedback@{MAIL_DOMAIN}", complaint(path), sender="fbl@far.test")
        assert await noted(stage, 2) == ["complaint"] * 2
    assert await ended(stage, "cross@far.test", "complained") == ["accepted", "delivered", "complained"]
    assert await listed(stage) == [("cross@far.test", "complaint")]
    assert await totals(stage) == {"total": 1, "delivered": 1, "bounced": 0, "complained": 1}


async def test_nothing_that_comes_back_is_ever_answered(stage: Stage) -> None:
    async with stage.host() as sink:
        path = await sent(stage, sink, "away@far.test")
        for content in (
            AWAY,
            GONE.replace(b"a@far.test", b"away@far.test"),
            b"From: a@far.test\r\n\r\nWho are you?\r\n",
        ):
            await returns(stage, path, content, sender="a@far.test")
        assert sorted(await noted(stage, 3)) == ["autoreply", "bounce", "unknown"]
        assert await stage.stored() == (1, 1, 1, 3, (await stage.stored())[4])
        assert len(sink.mails) == 1


async def test_it_goes_on_to_the_sender_where_the_account_wishes_it(stage: Stage) -> None:
    async with stage.database() as conn:
        await conn.execute(
            "insert into treatment (id, account_id, forward_returns) values (gen_random_uuid(), $1, true)",
            stage.world.shop.id,
        )
    async with stage.host() as sink:
        path = await sent(stage, sink, "full@far.test")
        content = report("full@far.test", "5.2.2", "552 5.2.2 mailbox full")
        await returns(stage, path, content)
        mails = await sink.receives(2)
    assert (mails[-1].sender, mails[-1].recipients) == ("", ("user@shop.test",))
    assert content in mails[-1].content
    assert await listed(stage) == []


async def test_providers_post_what_came_back(stage: Stage) -> None:
    async with stage.host() as sink:
        path = await sent(stage, sink, "gone@far.test")
        dead = report("gone@far.test", "5.1.1", "550 5.1.1 no such user here")
        async with httpx.AsyncClient(base_url=stage.platform.url, timeout=30) as http:

            async def post(key: str, content: bytes, **query: str) -> httpx.Response:
                return await http.post(
                    "/v1/returns", params=query, content=content, headers={"authorization": f"Bearer {key}"}
                )

            shop, rival = stage.world.shop, stage.world.rival
            assert (await post("lv_wrong", dead, to=path)).status_code == 401
            assert (await post(shop.read_key, dead, to=path)).status_code == 403
            assert (await post(rival.api_key, dead, to=path)).status_code == 400
            assert (await post(shop.api_key, dead)).json()["code"] == "NOT_OURS"
            async with stage.database() as conn:
                assert await conn.fetchval("select count(*) from returned_mail") == 0
            taken = await post(shop.api_key, dead, to=path)
            assert (taken.status_code, taken.json()) == (202, {"recipients": 1})
            assert await ended(stage, "gone@far.test", "bounced") == ["accepted", "delivered", "bounced"]
            told = (
                b'{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"x@y.test"}]},'
            )
            taken = await post(stage.world.acme.api_key, told + b'"mail":{"source":"%s"}}' % path.encode())
            assert taken.status_code == 202
            assert "complained" in await ended(stage, "gone@far.test", "complained")


async def test_a_lost_ring_costs_delay_only(stage: Stage) -> None:
    """Workers that were away when it came judge it when they are back."""
    async with stage.host() as sink:
        path = await sent(stage, sink, "gone@far.test")
        await asyncio.to_thread(stage.platform.stop, "workers")
        await returns(stage, path, report("gone@far.test", "5.1.1", "550 5.1.1 no such user here"))
        await asyncio.to_thread(stage.platform.launch, "workers")
        assert await ended(stage, "gone@far.test", "bounced") == ["accepted", "delivered", "bounced"]


async def test_return_paths_stand_under_the_accounts_own_host(stage: Stage) -> None:
    async with stage.database() as conn:
        await conn.execute(
            """insert into domain_host (host, domain_id, kind, verified_at)
               select 'bounces.shop.test', id, 'return_path', livery_now() from domain where name = 'shop.test'"""
        )
    async with stage.host() as sink:
        path = await sent(stage, sink, "gone@far.test")
        assert path.endswith("@bounces.shop.test")
        await returns(stage, path, report("gone@far.test", "5.1.1", "550 5.1.1 no such user here"))
        assert await ended(stage, "gone@far.test", "bounced") == ["accepted", "delivered", "bounced"]
