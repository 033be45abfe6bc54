"""What makes rings unnecessary? One leading process that looks for whatever is due and rings for it.

Every second it rings for due recipients, whether or not somebody rang before. It counts the ledger into tallies
within a fraction of a second of each commit, gives up held mail whose life is over, and drops counters that nobody
needs. Several clocks may run; one leads, the others take over within seconds.
"""

import asyncio
import contextlib
import signal
import time

import structlog
import uvloop

from kit import chaos, jobs, logs, metrics
from kit.bell import Bell
from kit.db import Connection, Database
from kit.settings import Settings
from mail import holds, returns, stats, suppressions, tracking, visits
from mail.accounts import deletion, suspension
from mail.dispatch import sweep
from mail.dispatch.away import ANSWER
from mail.jobs import Dispatch, Judge
from tenants import alerts, grants, orders, rates, sessions, sign_up, throttle
from workers import measures
from workers.boot import database
from workers.leader import lead

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_RING = 1.0
_CREDITS = 2.0
_MEASURE, _EXPIRE, _TIDY = 5.0, 30.0, 600.0
# The ledger is counted this often for a while after something happened, and now and then in any case.
_FOLD, _FOLD_FOR, _FOLD_IDLE = 0.2, 1.0, 1.0


def serve(settings: Settings) -> None:
    """Keep the platform's time until SIGTERM or SIGINT."""
    logs.configure("clock")
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as cleanup:
        db = await database(settings.database_url, stop, size=3)
        if db is None:
            return
        cleanup.push_async_callback(db.close)
        jobs.connect(settings.broker_url)
        cleanup.push_async_callback(asyncio.to_thread, jobs.close)
        bell = Bell(settings.database_url)
        await bell.start()
        cleanup.push_async_callback(bell.close)
        metrics.serve(settings.metrics_port)
        log.info("clock.ready")

        async def duties(conn: Connection) -> None:
            measures.LEADS.set(1)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_sweep(conn, db, bell, settings.mail_domain))
                tasks.create_task(_fold(db, bell))
                tasks.create_task(_credits(db, bell))
                tasks.create_task(_accounts(db, bell))

        leading = asyncio.create_task(
            lead(settings.database_url, duties, on_standby=lambda: measures.LEADS.set(0)), name="clock"
        )
        told = asyncio.create_task(stop.wait())
        await asyncio.wait({leading, told}, return_when=asyncio.FIRST_COMPLETED)
        for task in (leading, told):
            task.cancel()
        results = await asyncio.gather(leading, told, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        log.info("clock.stopped")


async def _sweep(conn: Connection, db: Database, bell: Bell, mail_domain: str) -> None:
    """Ring for what is due, once a second, and the rarer duties in between; on the leader's connection."""
    measured = expired = tidied = float("-inf")
    while True:
        async with asyncio.timeout(ANSWER):
            ids = await sweep.due(conn)
            returned = await returns.waiting(conn)
        if ids:
            jobs.ring(Dispatch(tuple(str(id) for id in ids)))
            chaos.point("swept")
        if returned:
            jobs.ring(Judge(tuple(str(id) for id in returned)))
        now = time.monotonic()
        if now - measured >= _MEASURE:
            measured = now
            async with asyncio.timeout(ANSWER):
                measures.show(await sweep.standing(conn))
        if now - expired >= _EXPIRE:
            expired = now
            while (given_up := await holds.expire(db, mail_domain=mail_domain)).account_ids:
                if given_up.recipient_ids:
                    jobs.ring(Dispatch(tuple(str(id) for id in given_up.recipient_ids)))
                bell.ring(given_up.account_ids)
        if now - tidied >= _TIDY:
            tidied = now
            await throttle.forget_old(db)
            await rates.forget_old(db)
            await sign_up.forget_old(db)
            await sessions.forget_ended(db)
            await tracking.forget_old(db)
            await visits.forget_old(db)
            await suppressions.forget_ended(db)
        await asyncio.sleep(_RING)


async def _credits(db: Database, bell: Bell) -> None:
    """End grants whose day has come, begin months of plans, let mail go that waited for either, and notice what runs low."""
    granted = float("-inf")
    while True:
        while accounts := await grants.expire(db):
            bell.ring(accounts)
        if time.monotonic() - granted >= _EXPIRE:
            granted = time.monotonic()
            bell.ring(await orders.grant_months(db))
        while (moved := await holds.resume(db)).recipient_ids:
            jobs.ring(Dispatch(tuple(str(id) for id in moved.recipient_ids)))
            bell.ring(moved.account_ids)
        for alert in await alerts.evaluate(db):
            log.info("credits.low", account=str(alert.account_id), remaining=alert.remaining)
        await asyncio.sleep(_CREDITS)


async def _accounts(db: Database, bell: Bell) -> None:
    """Let mail go whose account was resumed, and purge what deleted accounts have left."""
    while True:
        while (released := await suspension.release(db)).recipients:
            jobs.ring(Dispatch(tuple(str(id) for id in released.recipients)))
            bell.ring(released.accounts)
        while (purged := await deletion.purge(db)).busy:
            for account_id in purged.finished:
                log.info("account.purged", account=str(account_id))
        await asyncio.sleep(_RING)


async def _fold(db: Database, bell: Bell) -> None:
    """Count the ledger soon after each commit: a fact can be counted only once older transactions have ended."""
    with bell.listening() as news:
        busy_until = 0.0
        while True:
            while await stats.fold(db):
                busy_until = time.monotonic() + _FOLD_FOR
            if time.monotonic() < busy_until:
                await asyncio.sleep(_FOLD)
                continue
            try:
                async with asyncio.timeout(_FOLD_IDLE):
                    await news.get()
            except TimeoutError:
                continue
            busy_until = time.monotonic() + _FOLD_FOR
