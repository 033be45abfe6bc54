"""When DNS is away, mail waits: nothing is bounced, and everything arrives once it is back."""

from datetime import timedelta

from tests.flows.mx.internet import Internet, forgotten, send
from tests.support.stage import Stage, eventually


async def test_half_an_hour_without_dns_bounces_nothing(stage: Stage, internet: Internet) -> None:
    address = internet.address()
    domains = [f"away{number}.test" for number in range(20)]
    readers = [f"r{number}@{domain}" for number in range(5) for domain in domains]
    for domain in domains:
        internet.domain(domain, address)
        internet.dns.fails(domain)
    await send(stage, *readers)
    for attempt, wait in enumerate((6, 12, 23), 1):  # minutes: more than half an hour together

        async def failed(attempt: int = attempt) -> bool | None:
            async with stage.database() as conn:
                rows = await conn.fetch("select state, attempts from recipient where address = any($1)", readers)
            assert {row["state"] for row in rows} <= {"queued", "sending", "deferred"}
            return all((row["state"], row["attempts"]) == ("deferred", attempt) for row in rows) or None

        await eventually(failed, f"attempt {attempt}", seconds=60, explain=stage.explain)
        await stage.later(timedelta(minutes=wait))
    for domain in domains:
        internet.dns.well(domain)
    await forgotten(internet, *domains)
    async with internet.host(address) as host:
        await stage.later(timedelta(hours=1))
        await host.receives(len(readers), seconds=60)
        states = await stage.settle(seconds=60)
    assert {states[reader] for reader in readers} == {"delivered"}
    assert len(host.accepted) == len(readers)
