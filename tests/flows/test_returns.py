"""Mail that comes back is judged: a bounce a day later, both ways at once, a complaint, a report posted by HTTP."""

import asyncio
import smtplib
from datetime import timedelta

import httpx

from kit.crypto import Keyring
from mail.wire import returnpath
from tests.mail.test_returns import AWAY, GONE, complaint, report
from tests.support.laws import EVER
from tests.support.mails import plain
from tests.support.platform import MAIL_DOMAIN
from tests.support.sink import Sink
from tests.support.stage import Stage, eventually
from tests.support.world import SECRET_KEY, Tenant

TOTALS = f"{{ statistics({EVER}) {{ totals {{ total delivered bounced complained }} }} }}"


async def returns(stage: Stage, to: str, content: bytes, *, sender: str = "") -> None:
    """Another mail system brings this to the port for returned mail."""

    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", stage.platform.mx, timeout=30) as session:
            session.sendmail(sender, [to], content)

    await asyncio.to_thread(deliver)


async def sent(stage: Stage, sink: Sink, address: str, tenant: Tenant | None = None) -> str:
    """Send one mail to this address, of shop.test unless another is given; the return path under which the remote took it."""
    tenant = tenant or stage.world.shop
    await stage.submit(plain(tenant.email, address, "Hello"), [address], tenant=tenant)
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


async def noted(stage: Stage, count: int, *addresses: str) -> list[str]:
    """Wait until so many mails that came back for these are judged; what each was."""

    async def look() -> list[str] | None:
        async with stage.database() as conn:
            rows = await conn.fetch(
                """select t.kind from returned_mail t join recipient r on r.id = t.recipient_id
                    where t.judged_at is not null and r.address = any ($1::text[]) order by t.id""",
                list(addresses),
            )
        return [row["kind"] for row in rows] if len(rows) >= count else None

    return await eventually(look, f"{count} judged", explain=stage.explain)


async def listed(stage: Stage, *addresses: str) -> list[tuple[str, str]]:
    """Which of these are suppressed, and why."""
    async with stage.database() as conn:
        rows = await conn.fetch(
            "select address, reason from suppression where address = any ($1::text[]) order by address", list(addresses)
        )
    return [(row["address"], row["reason"]) for row in rows]


async def counted(stage: Stage, tenant: Tenant, **expected: int) -> None:
    """Wait until the account is shown these counts; that they are right and stay so is among the laws."""

    async def look() -> bool | None:
        shown = (await stage.api(tenant).run(TOTALS))["statistics"]["totals"]
        return True if {name: int(count) for name, count in shown.items()} == expected else None

    await eventually(look, f"counts {expected}")


async def test_a_hard_bounce_at_smtp_time_by_report_and_both_suppresses_once(stage: Stage) -> None:
    async with stage.host() as sink:
        cafe = stage.world.cafe
        sink.answers("550 5.1.1 no such user here", to="now@far.test")
        sink.answers("550 5.7.1 looks like spam", to="soft@far.test")
        path = await sent(stage, sink, "later@far.test", cafe)
        at_once = ["now@far.test", "soft@far.test"]
        await stage.submit(plain(cafe.email, "now@far.test", "Hello"), at_once, tenant=cafe)
        await stage.reach(lambda states: all(states.get(one) == "bounced" for one in at_once), "bounces")
        assert await listed(stage, *at_once) == [("now@far.test", "bounce")]
        await stage.later(timedelta(days=1))
        dead = report("later@far.test", "5.1.1", "550 5.1.1 no such user here")
        # By report, a day later; then again, as some hosts do; and a report of what had bounced at SMTP time.
        await returns(stage, path, dead)
        assert await ended(stage, "later@far.test", "bounced") == ["accepted", "delivered", "bounced"]
        await returns(stage, path.upper(), dead)
        # Twice, too, of one that had been refused for another reason: now its address is known to be dead.
        for address in (*at_once, "soft@far.test"):
            async with stage.database() as conn:
                id = await conn.fetchval("select id from recipient where address = $1", address)
            both = f"{returnpath.encode(Keyring(SECRET_KEY), id)}@{MAIL_DOMAIN}"
            await returns(stage, both, report(address, "5.1.1", "550 5.1.1 no such user here"))
        assert await noted(stage, 5, *at_once, "later@far.test") == ["bounce"] * 5
    assert await ended(stage, "later@far.test", "bounced") == ["accepted", "delivered", "bounced"]
    assert await ended(stage, "now@far.test", "bounced") == ["accepted", "bounced"]
    assert await ended(stage, "soft@far.test", "bounced") == ["accepted", "bounced"]
    dead_ones = sorted(["later@far.test", *at_once])
    assert await listed(stage, *dead_ones) == [(address, "bounce") for address in dead_ones]
    await counted(stage, cafe, total=3, delivered=1, bounced=3, complained=0)
    # The next mail to them does not leave.
    await stage.submit(plain(cafe.email, "later@far.test", "Again"), ["later@far.test", "now@far.test"], tenant=cafe)
    states = await stage.settle()
    assert (states["later@far.test"], states["now@far.test"]) == ("suppressed", "suppressed")


async def test_a_complaint_by_a_feedback_loop_suppresses_at_once(stage: Stage) -> None:
    async with stage.host() as sink:
        other = stage.world.other
        path = await sent(stage, sink, "cross@far.test", other)
        await returns(stage, f"feedback@{MAIL_DOMAIN}", complaint(path), sender="fbl@far.test")
        assert await ended(stage, "cross@far.test", "complained") == ["accepted", "delivered", "complained"]
        await returns(stage, f"feedback@{MAIL_DOMAIN}", complaint(path), sender="fbl@far.test")
        assert await noted(stage, 2, "cross@far.test") == ["complaint"] * 2
    assert await ended(stage, "cross@far.test", "complained") == ["accepted", "delivered", "complained"]
    assert await listed(stage, "cross@far.test") == [("cross@far.test", "complaint")]
    await counted(stage, other, total=1, delivered=1, bounced=0, complained=1)


async def test_nothing_that_comes_back_is_ever_answered(stage: Stage) -> None:
    async with stage.host() as sink:
        path = await sent(stage, sink, "away@far.test")
        before = await stage.stored()
        for content in (
            AWAY,
            GONE.replace(b"a@far.test", b"away@far.test"),
            b"From: a@far.test\r\n\r\nWho are you?\r\n",
        ):
            await returns(stage, path, content, sender="a@far.test")
        assert sorted(await noted(stage, 3, "away@far.test")) == ["autoreply", "bounce", "unknown"]
        # One fact more, and no message.
        assert await stage.stored() == (*before[:3], before[3] + 1, before[4])
        assert len(sink.mails) == 1


async def test_it_goes_on_to_the_sender_where_the_account_wishes_it(stage: Stage) -> None:
    rival = stage.world.rival
    async with stage.database() as conn:
        await conn.execute(
            "insert into treatment (id, account_id, forward_returns) values (gen_random_uuid(), $1, true)",
            rival.id,
        )
    async with stage.host() as sink:
        path = await sent(stage, sink, "full@far.test", rival)
        content = report("full@far.test", "5.2.2", "552 5.2.2 mailbox full")
        await returns(stage, path, content)
        mails = await sink.receives(2)
    assert (mails[-1].sender, mails[-1].recipients) == ("", (rival.email,))
    assert content in mails[-1].content
    assert await listed(stage, "full@far.test") == []


async def test_providers_post_what_came_back(stage: Stage) -> None:
    async with stage.host() as sink:
        path = await sent(stage, sink, "posted@far.test")
        dead = report("posted@far.test", "5.1.1", "550 5.1.1 no such user here")
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
                assert (
                    await conn.fetchval(
                        "select count(*) from returned_mail t join recipient r on r.id = t.recipient_id where r.address = $1",
                        "posted@far.test",
                    )
                    == 0
                )
            taken = await post(shop.api_key, dead, to=path)
            assert (taken.status_code, taken.json()) == (202, {"recipients": 1})
            assert await ended(stage, "posted@far.test", "bounced") == ["accepted", "delivered", "bounced"]
            told = (
                b'{"notificationType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"x@y.test"}]},'
            )
            taken = await post(stage.world.acme.api_key, told + b'"mail":{"source":"%s"}}' % path.encode())
            assert taken.status_code == 202
            assert "complained" in await ended(stage, "posted@far.test", "complained")


async def test_a_lost_ring_costs_delay_only(stage: Stage) -> None:
    """Workers that were away when it came judge it when they are back."""
    async with stage.host() as sink:
        path = await sent(stage, sink, "lost@far.test")
        await asyncio.to_thread(stage.platform.stop, "workers")
        await returns(stage, path, report("lost@far.test", "5.1.1", "550 5.1.1 no such user here"))
        await asyncio.to_thread(stage.platform.launch, "workers")
        assert await ended(stage, "lost@far.test", "bounced") == ["accepted", "delivered", "bounced"]


async def test_return_paths_stand_under_the_accounts_own_host(stage: Stage) -> None:
    async with stage.database() as conn:
        await conn.execute(
            """insert into domain_host (host, domain_id, kind, verified_at)
               select 'bounces.acme.test', id, 'return_path', livery_now() from domain where name = 'acme.test'"""
        )
    async with stage.host() as sink:
        path = await sent(stage, sink, "own@far.test", stage.world.acme)
        assert path.endswith("@bounces.acme.test")
        await returns(stage, path, report("own@far.test", "5.1.1", "550 5.1.1 no such user here"))
        assert await ended(stage, "own@far.test", "bounced") == ["accepted", "delivered", "bounced"]
