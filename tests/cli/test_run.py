"""Does `livery run` start, heal and stop everything, and leave nothing?"""

import json
import os
import signal
import smtplib
import ssl
import urllib.request
from collections import Counter

from tests.cli.machine import Machine, eventually, greets

EVERYTHING = {"run": 1, "api": 1, "smtpd": 2, "workers": 2, "clock": 1}


def without_postgres(machine: Machine) -> dict[str, int]:
    return {name: count for name, count in Counter(machine.processes().values()).items() if name != "postgres"}


def send(machine: Machine, subject: str) -> None:
    # The self-signed certificate is good for whoever trusts it.
    trust = ssl.create_default_context(cafile=str(machine.data_dir / "tls" / "mail.livery.test.pem"))
    with smtplib.SMTP("127.0.0.1", machine.submission, timeout=20) as client:
        client.starttls(context=trust)
        client.login("demo", "livery-demo-smtp")
        message = f"From: user@shop.test\r\nTo: x@simulator.livery.test\r\nSubject: {subject}\r\n\r\nHello\r\n"
        assert client.sendmail("user@shop.test", ["delivered@simulator.livery.test"], message) == {}


def states(machine: Machine) -> dict[str, str]:
    """The subjects of all messages with the state of their recipient, asked as a program with the demo's API key."""
    question = {"query": "{ recipients(first: 100) { nodes { state message { subject } } } }"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{machine.http}/graphql",
        data=json.dumps(question).encode(),
        headers={"Authorization": "Bearer lv_demo_key", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        said = json.load(answer)
    assert "errors" not in said, said
    nodes = said["data"]["recipients"]["nodes"]
    return {node["message"]["subject"]: node["state"].lower() for node in nodes}


def test_from_nothing_to_a_delivered_message_and_again(machine: Machine) -> None:
    platform = machine.start()
    assert without_postgres(machine) == EVERYTHING
    for told in (f"http://127.0.0.1:{machine.http}", "user@shop.test", "swaks --from", "curl --url", "ssh -L"):
        assert told in platform.said
    send(machine, "First")
    eventually(lambda: states(machine) == {"First": "delivered"})
    assert platform.stop(signal.SIGTERM) == 0
    assert machine.processes() == {}
    assert platform.said.endswith("Stopped.\n")

    platform = machine.start()
    assert states(machine) == {"First": "delivered"}
    assert platform.stop(signal.SIGINT) == 0
    assert machine.processes() == {}


def test_what_crashes_is_restarted_and_said_so(machine: Machine) -> None:
    platform = machine.start()
    send(machine, "Before")
    # What a killed worker has in its hands comes back when its lease ends: tests/workers shows that, in its own time.
    eventually(lambda: states(machine) == {"Before": "delivered"})
    for pid, name in machine.processes().items():
        if name in {"smtpd", "workers"}:
            os.kill(pid, signal.SIGKILL)
    for name in ("smtpd 1", "smtpd 2", "workers 1", "workers 2"):
        platform.hear(rf"^{name} ended \(killed by SIGKILL\); starting it again in 0.5 s\.$")
    eventually(lambda: without_postgres(machine) == EVERYTHING and greets(machine.submission))

    postmaster = int((machine.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    platform.hear(r"^PostgreSQL ended \(status -9\); starting it again\.$")
    eventually(lambda: _sends(machine, "After"), seconds=90)
    eventually(lambda: states(machine) == {"Before": "delivered", "After": "delivered"})
    assert platform.stop() == 0
    assert machine.processes() == {}


def _sends(machine: Machine, subject: str) -> bool:
    try:
        send(machine, subject)
    except (OSError, smtplib.SMTPException):
        return False
    return True


def test_a_killed_supervisor_leaves_no_orphan_and_no_damage(machine: Machine) -> None:
    platform = machine.start()
    send(machine, "Before")
    platform.stop(signal.SIGKILL)
    eventually(lambda: machine.processes() == {})
    platform = machine.start()
    # At once, or after its lease where the kill met a worker with the message in its hands.
    eventually(lambda: states(machine) == {"Before": "delivered"}, seconds=150)
    status, said = machine.livery("run", "--demo")
    assert (status, said.count("\n")) == (1, 1)
    assert f"Process {platform.process.pid} already runs on the data" in said
    assert platform.stop() == 0


def test_a_process_that_cannot_start_ends_it_all_with_its_words(machine: Machine) -> None:
    broken = machine.data_dir.with_name("broken.pem")
    broken.write_text("no certificate\n")
    status, said = machine.livery(
        "run", "--demo", environ={"LIVERY_TLS_CERT": str(broken), "LIVERY_TLS_KEY": str(broken)}
    )
    assert status == 1
    assert "livery: smtpd" in said
    assert "does not start" in said
    assert machine.processes() == {}
