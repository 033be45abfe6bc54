"""Does every step have the minutes that RFC 5321 §4.5.3.2 asks for, and does none have more? On a clock that skips waiting."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from mail.transports import Delivery
from mail.transports.hosts import Hosts
from mail.transports.relay import Relay
from mail.transports.smtp import Target
from mail.verdict import Cause, Deferred, Delivered
from tests.mail.letters import held, mail, verdicts

_REAL = 0.02
"""Seconds without any news on loopback, after which everybody is taken to wait for the clock."""


class _Skipping(selectors.DefaultSelector):
    """Where nothing happens, the wait that was asked for is over at once, and the clock says so."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(_REAL if timeout is None else min(timeout, _REAL))
        if not events and timeout is not None and timeout > _REAL:
            self.skipped += timeout - _REAL
        return events


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped


def on_skipping_clock[T](work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, float]:
    """Run `work`; return its result and the seconds it took by the clock that skips."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        began = runner.get_loop().time()
        return runner.run(work()), runner.get_loop().time() - began


STEPS = (
    # step, what the host has answered before it goes quiet, seconds that RFC 5321 §4.5.3.2 asks for
    ("greeting", 0, 300),
    ("mail", 2, 300),
    ("rcpt", 3, 300),
    ("data", 4, 120),
    ("dot", 5, 600),
)
ANSWERS = ("220 hi", "250 hi", "250 ok", "250 ok", "354 go", "250 taken")


async def meet(quiet_at: int, seconds: float) -> Delivery:
    """Deliver to a host that takes `seconds` for its answer number `quiet_at`, and none for the others."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, answer in enumerate(ANSWERS):
                if number:
                    await reader.readuntil(b"\r\n.\r\n" if number == 5 else b"\r\n")
                if number == quiet_at:
                    await asyncio.sleep(seconds)
                writer.write(answer.encode() + b"\r\n")
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay = Relay("127.0.0.1", server.sockets[0].getsockname()[1], helo="out.test")
    try:
        return await relay.deliver(mail(), heartbeat=held)
    finally:
        await relay.close()
        server.close()


@pytest.mark.parametrize(("step", "quiet_at", "seconds"), STEPS, ids=[step[0] for step in STEPS])
def test_a_host_may_take_as_long_as_the_rfc_says(step: str, quiet_at: int, seconds: int) -> None:
    delivery, took = on_skipping_clock(lambda: meet(quiet_at, seconds - 2))
    assert verdicts(delivery) == [Delivered()]
    assert seconds - 2 <= took < seconds + 1


@pytest.mark.parametrize(("step", "quiet_at", "seconds"), STEPS, ids=[step[0] for step in STEPS])
def test_a_host_that_takes_longer_is_given_up_and_only_the_dot_leaves_doubt(
    step: str, quiet_at: int, seconds: int
) -> None:
    delivery, took = on_skipping_clock(lambda: meet(quiet_at, 10 * seconds))
    assert verdicts(delivery) == [Deferred(Cause.NETWORK, Cause.NETWORK.fault)]
    assert delivery.outcomes[0].uncertain is (step == "dot")
    assert seconds <= took < seconds + 5


async def linger(answers: int, seconds: float) -> Delivery:
    """Deliver by five addresses of a host that gives this many answers, each after so many seconds, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, answer in enumerate(ANSWERS[:answers]):
                if number:
                    await reader.readuntil(b"\r\n.\r\n" if number == 5 else b"\r\n")
                await asyncio.sleep(seconds)
                writer.write(answer.encode() + b"\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    hosts = Hosts(helo="out.test")
    target = Target("mx.far.test", "127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        return await hosts.deliver(mail(), [target] * 5, site="far", heartbeat=held)
    finally:
        await hosts.close()
        server.close()


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_hosts_that_take_every_minute_they_have_end_before_the_lane_does(answers: int) -> None:
    """The desk takes three quarters of an hour for a fault of ours; a slow receiver must not become one."""
    delivery, took = on_skipping_clock(lambda: linger(answers, 290))
    assert verdicts(delivery) == [Deferred(Cause.NETWORK, Cause.NETWORK.fault)]
    assert not delivery.outcomes[0].uncertain
    assert took < 41 * 60
