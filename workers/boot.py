"""How does a worker process start, and how does it stop without losing or doubling a message?

Everything runs on one event loop, this process's own: Dramatiq's consumers are threads, and what they receive is
handed to that loop (its stock middleware would open a second one, which the database pool cannot serve).

Broker and database may be away, at the start as later: the desk looks by itself every two seconds and consumers
reconnect. SIGTERM: nothing is claimed any more, what has not been begun is given back at once, and conversations have
30 seconds.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

import dramatiq
import structlog
import uvloop
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from dramatiq.middleware import AsyncIO

from kit import jobs, logs, metrics, process
from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import Database, open_database
from kit.settings import Settings
from mail.dispatch import Desk, Limits
from mail.dispatch.away import AWAY
from mail.routing import Routes, open_routes
from workers import dispatch, returns, watchdog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Seconds for conversations under way at SIGTERM, and for Dramatiq's threads, which only wait for rings.
GRACE = 30.0
_CONSUMERS_GRACE = 5.0
# Handlers return at once; two threads are there so that one slow acknowledgement holds up nothing.
_THREADS = 2
_CONNECTIONS = 6
# Where the processor is short, taking mail goes before sending it: the queue can wait, a client that gets no answer cannot
# (docs/decisions/0006).
_NICE = 10


def serve(
    settings: Settings, *, ways_out: Callable[[Settings], Routes] = open_routes, lease: timedelta = Limits.lease
) -> None:
    """Deliver mail until SIGTERM or SIGINT. Any number of such processes share the queue."""
    logs.configure("workers")
    process.give_way(_NICE)
    uvloop.run(_serve(settings, ways_out, lease))


async def _serve(settings: Settings, ways_out: Callable[[Settings], Routes], lease: timedelta) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watchdog.watch(loop)
    async with contextlib.AsyncExitStack() as cleanup:
        db = await database(settings.database_url, stop, size=_CONNECTIONS)
        if db is None:
            return
        cleanup.push_async_callback(db.close)
        bell = Bell(settings.database_url)
        await bell.start()
        cleanup.push_async_callback(bell.close)
        routes = ways_out(settings)
        cleanup.push_async_callback(routes.close)
        desk = Desk(
            db,
            Keyring(settings.secret_key),
            routes,
            mail_domain=settings.mail_domain,
            public_url=settings.public_url,
            ring_bell=bell.ring,
            limits=Limits(recipients=routes.pace.desk, lease=lease),
        )
        dispatch.attend(desk)
        bench = returns.Bench(db, bell, mail_domain=settings.mail_domain)
        async with returns.sitting(bench), consuming(settings.broker_url, jobs.handled()):
            metrics.serve(settings.metrics_port)
            # What exists now stays: the collector need not look through it again.
            gc.collect()
            gc.freeze()
            log.info("workers.ready", route=settings.route)
            await desk.run(stop, grace=GRACE)
            log.info("workers.stopped")


async def database(url: str, stop: asyncio.Event, *, size: int) -> Database | None:
    """The database, waited for as long as it takes; None where `stop` came first."""
    while not stop.is_set():
        try:
            return await open_database(url, size=size)
        except AWAY as fault:
            log.warning("database.away", reason=f"{type(fault).__name__}: {fault}"[:200])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)
    return None


@contextlib.asynccontextmanager
async def consuming(broker_url: str, handlers: Mapping[type, jobs.Handler[Any]]) -> AsyncIterator[None]:
    """Answer rings by their handlers, on this event loop, while the block runs."""
    broker = jobs.make_broker(broker_url)
    broker.add_middleware(_OnLoop(asyncio.get_running_loop()))
    jobs.declare(broker, handlers)
    # Only Dramatiq's own command line says this otherwise, and without it no time limit is ever kept.
    broker.emit_after("process_boot")
    worker = dramatiq.Worker(broker, worker_threads=_THREADS, worker_timeout=250)
    worker.start()
    try:
        yield
    finally:
        await asyncio.to_thread(worker.stop, timeout=int(_CONSUMERS_GRACE * 1000))
        await asyncio.to_thread(broker.close)


class _OnLoop(AsyncIO):
    """Dramatiq's asyncio middleware, with a loop that runs already."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._thread = _Running(loop)

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        set_event_loop_thread(self._thread)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        set_event_loop_thread(None)


class _Running(EventLoopThread):
    """What Dramatiq takes for the thread of its loop: it hands coroutines to ours, and neither starts nor stops it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        threading.Thread.__init__(self)
        self.loop = loop
        self.logger = logging.getLogger(__name__)
        # How often a waiting thread looks whether its time limit has struck.
        self.interrupt_check_ival = 1.0
