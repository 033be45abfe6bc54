"""Does the door count what an operator watches? Sessions, logins, messages, refusals, latency."""

from prometheus_client import REGISTRY

from tests.smtpd.client import MESSAGE
from tests.smtpd.conftest import Server

COUNTED = {
    ("smtpd_logins_total", "result", "ok"): 1,
    ("smtpd_logins_total", "result", "wrong"): 1,
    ("smtpd_accepted_total", "kind", "submission"): 1,
    ("smtpd_refused_total", "code", "535 5.7.8"): 1,
    ("smtpd_refused_total", "code", "550 5.6.0"): 1,
    ("smtpd_accept_seconds_count", "", ""): 1,
    ("smtpd_sessions", "", ""): 1,
}


async def test_a_session_leaves_its_counts(server: Server) -> None:
    before = {key: _value(*key) for key in COUNTED}
    async with await server.client() as client:
        await client.login(server.user, "wrong")
        await client.login(server.user, server.password)
        for content in (MESSAGE, MESSAGE + b"a\nb\r\n"):
            await client.start()
            await client.data(content)
        assert {key: _value(*key) - before[key] for key in COUNTED} == COUNTED


def _value(name: str, label: str, value: str) -> float:
    return REGISTRY.get_sample_value(name, {label: value} if label else {}) or 0.0
