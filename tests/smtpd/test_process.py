"""How does the door start and stop? Shared ports, and no message lost or half-said at the end."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.smtpd.client import MESSAGE, Client
from tests.smtpd.conftest import CHECKOUT, DOMAIN, MakeEnvironment, Server, separate

CLOSING = "421 4.3.2 Going down for a moment: connect again in a few seconds"


async def test_sigterm_ends_idle_sessions_and_lets_a_message_on_its_way_arrive(
    environment: MakeEnvironment, server: Server, tmp_path: Path
) -> None:
    await server.know_network("127.0.0.0/8")
    with separate(environment(), tmp_path / "other.log") as other:
        port = other.settings.smtp_ports[0]
        idle, began, sending = [await Client.connect(port) for _ in range(3)]
        for client in (began, sending):
            assert (await client.say("EHLO client.test")).code == 250
            await client.start()
        assert (await sending.say("DATA")).code == 354
        await sending.send(MESSAGE)
        other.process.send_signal(signal.SIGTERM)
        for client in (idle, began):
            assert (await client.reply()).lines == (CLOSING,)
            assert await client.ended()
        with pytest.raises(ConnectionError):
            await Client.connect(port)
        await sending.send(b"the rest\r\n.\r\n")
        assert (await sending.reply()).status == "250 2.0.0"
        assert (await sending.reply()).lines == (CLOSING,)
        assert await sending.ended()
        assert await asyncio.to_thread(other.process.wait, 20) == 0
        for client in (idle, began, sending):
            await client.close()
    assert await server.contents() == [MESSAGE + b"the rest\r\n"]


async def test_two_processes_share_the_ports_and_both_are_used(
    environment: MakeEnvironment, server: Server, tmp_path: Path
) -> None:
    await server.know_network("127.0.0.0/8")
    environ = environment()
    with separate(environ, tmp_path / "one.log") as one, separate(environ, tmp_path / "two.log") as two:
        port = one.settings.smtp_ports[0]
        clients = [await Client.connect(port, source=f"127.0.3.{n + 1}") for n in range(40)]
        shares = [_connections(process.process.pid, port) for process in (one, two)]
        assert sum(shares) == 40
        assert min(shares) > 0
        # One goes: its connections are told so, the other's go on, new ones are taken.
        two.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(two.process.wait, 20) == 0
        alive = 0
        for client in clients:
            try:
                alive += (await client.say("EHLO client.test")).code == 250
            except ConnectionError:
                pass
            await client.close()
        assert alive == shares[0]
        async with await Client.connect(port) as client:
            assert (await client.say("EHLO client.test")).code == 250
            await client.start()
            assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


async def test_a_connection_that_comes_while_the_door_closes_is_told_so(server: Server) -> None:
    async with await server.client("clear") as client:
        server.door.closing = True
        assert (await client.say("NOOP")).lines == (CLOSING,)
        assert await client.ended()
    async with await Client.connect(server.starttls) as late:
        assert late.greeting.lines == (CLOSING,)
    server.door.closing = False


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LIVERY_TLS_CERT", "", "LIVERY_TLS_CERT and LIVERY_TLS_KEY"),
        ("LIVERY_SMTP_PORTS", "none", "LIVERY_SMTP_PORTS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_clear_line(
    environment: MakeEnvironment, variable: str, value: str, words: str
) -> None:
    environ = environment(**{variable: value})
    if not value:
        del environ["LIVERY_TLS_KEY"]
    done = subprocess.run(
        [sys.executable, "-m", "smtpd"], env=environ, cwd=CHECKOUT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_no_reply_and_no_greeting_names_the_product(server: Server) -> None:
    said: list[str] = []
    async with await server.member() as client:
        said += client.greeting.lines
        for line in ("EHLO a", "HELP", "VRFY a@b.test", "EXPN a", "NOOP", "HUH", "MAIL FROM:<user@shop.test>", "RSET"):
            said += (await client.say(line)).lines
    assert DOMAIN in said[0]
    assert [line for line in said if "livery" in line.lower() or "python" in line.lower()] == []


def _connections(pid: int, port: int) -> int:
    """How many connections to `port` a process has accepted."""
    ours = {path.readlink().name for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    established = [row for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"]
    return sum(f"socket:[{row[9]}]" in ours for row in established)
