"""What does a process wait for? Said into its log when it is sent SIGUSR1: for whoever does not do what it should."""

import asyncio
import signal
import sys
from types import CodeType
from typing import Any

_DEEPEST = 40


def listen() -> None:
    """From now on say at SIGUSR1 what every task waits for."""
    signal.signal(signal.SIGUSR1, _tell)


def _tell(*_: object) -> None:
    for task in asyncio.all_tasks():
        print(f"waits: {task.get_name()}: {' > '.join(_awaited(task.get_coro()))}", file=sys.stderr, flush=True)


def _awaited(coroutine: Any) -> list[str]:
    """Where each coroutine stands, from the task's own to the innermost; a task itself knows only the first."""
    places: list[str] = []
    while coroutine is not None and len(places) < _DEEPEST:
        for kind in ("cr", "gi", "ag"):
            if (frame := getattr(coroutine, f"{kind}_frame", None)) is not None:
                code: CodeType = frame.f_code
                places.append(f"{'/'.join(code.co_filename.rsplit('/', 2)[1:])}:{frame.f_lineno} {code.co_name}")
                coroutine = getattr(coroutine, f"{kind}_await" if kind != "gi" else "gi_yieldfrom", None)
                break
        else:
            places.append(type(coroutine).__name__)
            break
    return places
