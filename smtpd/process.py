"""How does an SMTP process start, and how does it stop without losing a message?

SIGTERM or SIGINT: no new connections, sessions between two commands are told 421, messages on their way in are finished
for up to 30 seconds. SIGHUP: the certificate is read again, which also happens by itself when its file changes.
"""

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator

import structlog
import uvloop

from kit import jobs, logs, metrics
from kit.bell import Bell
from kit.crypto import Keyring
from kit.db import open_database
from kit.settings import Settings, SettingsError
from mail.intake import Intake
from smtpd import limits
from smtpd.handler import Handler
from smtpd.listeners import listen
from smtpd.login import Gate
from smtpd.returns import Returns
from smtpd.session import Door
from smtpd.tls import Certificate
from tenants.uses import Uses

log = structlog.get_logger()

_FOLLOW_CERTIFICATE = 10.0


def serve(settings: Settings) -> None:
    """Serve SMTP until SIGTERM or SIGINT. Several processes with the same settings share the ports.

    Raises SettingsError without a certificate, OSError when a port is taken or the database is away.
    """
    logs.configure("smtpd")
    metrics.serve(settings.metrics_port)
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as door:
        loop.add_signal_handler(signal.SIGHUP, door.certificate.reload)
        # What exists now stays: the collector need not look through it again.
        gc.collect()
        gc.freeze()
        log.info("smtp.ready", starttls=settings.smtp_ports, tls=settings.smtps_ports, returns=settings.mx_port)
        await stop.wait()
        log.info("smtp.stopping", sessions=len(door.sessions))


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Door]:
    """Listen while the block runs; at its end finish what has begun."""
    if settings.tls_cert is None or settings.tls_key is None:
        raise SettingsError("LIVERY_TLS_CERT and LIVERY_TLS_KEY are missing: SMTP needs them, self-signed will do.")
    async with contextlib.AsyncExitStack() as cleanup:
        certificate = Certificate(settings.tls_cert, settings.tls_key)
        keyring = Keyring(settings.secret_key)
        db = await open_database(settings.database_url, plan_once=True)
        cleanup.push_async_callback(db.close)
        jobs.connect(settings.broker_url)
        cleanup.push_async_callback(asyncio.to_thread, jobs.close)
        bell = Bell(settings.database_url)
        await bell.start()
        cleanup.push_async_callback(bell.close)
        intake = Intake(db, bell)
        cleanup.push_async_callback(intake.close)
        returns = Returns(db, keyring, bell)
        uses = Uses(db)
        cleanup.push_async_callback(uses.close)
        handler = Handler(intake, returns, settings.mail_domain)
        cleanup.push_async_callback(handler.drain)
        door = Door(
            domain=settings.mail_domain,
            handler=handler,
            gate=Gate(db, keyring, uses),
            returns=returns,
            certificate=certificate,
            normalise=settings.bare_newlines == "normalise",
        )
        listeners = listen(
            door, settings.bind, smtp=settings.smtp_ports, smtps=settings.smtps_ports, mx=settings.mx_port
        )
        works = [asyncio.create_task(work) for work in (_follow(certificate), uses.keep())]
        try:
            yield door
        finally:
            for work in works:
                work.cancel()
            for listener in listeners:
                listener.close()
            await _drain(door)


async def _follow(certificate: Certificate) -> None:
    while True:
        await asyncio.sleep(_FOLLOW_CERTIFICATE)
        certificate.follow()


async def _drain(door: Door) -> None:
    door.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(door.empty.wait(), limits.DRAIN)
    for session in tuple(door.sessions):
        session.abort()
