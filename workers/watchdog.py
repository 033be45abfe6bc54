"""What if the event loop hangs? A thread of its own notices and ends the process, so that a supervisor starts a fresh one.

A message that sends our code into an endless loop would otherwise hold everything this process has claimed. Ended, its
leases run out, and the message is found out by its lapses (`mail.dispatch.claim`).
"""

import asyncio
import faulthandler
import os
import sys
import threading
import time

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

STUCK = 60
"""Looks, one a second, without a sign of life in between. Looks are counted, not seconds: a stopped process is not stuck."""

EX_SOFTWARE = 70


def watch(loop: asyncio.AbstractEventLoop, *, looks: int = STUCK, every: float = 1.0) -> None:
    """Guard `loop` for the rest of the process's life."""
    threading.Thread(target=_guard, args=(loop, looks, every), name="watchdog", daemon=True).start()


def _guard(loop: asyncio.AbstractEventLoop, looks: int, every: float) -> None:
    alive = threading.Event()
    alive.set()
    missed = 0
    while not loop.is_closed():
        if alive.is_set():
            alive.clear()
            missed = 0
            try:
                loop.call_soon_threadsafe(alive.set)
            except RuntimeError:
                return  # closed between the look and the call
        else:
            missed += 1
            if missed >= looks:
                log.critical("loop.stuck", seconds=looks * every)
                faulthandler.dump_traceback(sys.__stderr__ or 2)
                os._exit(EX_SOFTWARE)
        time.sleep(every)
