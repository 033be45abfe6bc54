"""Do the small commands do what they say, on a server of their own, and refuse without a trace?"""

import json
import re
import stat
import subprocess
from pathlib import Path

from cryptography import x509

from tests.cli.machine import CHECKOUT, Machine
from tests.support.dns import Dns

DEMO = {"LIVERY_DEMO": "1"}


def test_commands_start_a_server_for_their_own_duration(machine: Machine) -> None:
    assert machine.livery("migrate", environ=DEMO) == (0, "The database is up to date.\n")
    assert machine.livery("migrate", environ=DEMO) == (0, "The database is up to date.\n")

    status, said = machine.livery("credential", "create", "--account", "shop.test")
    lines = dict(line.split(maxsplit=1) for line in said.splitlines()[:2])
    assert status == 0
    assert lines["user"].startswith("smtp-")
    assert re.fullmatch(r"mp_[a-z2-7]{39}", lines["password"])
    status, said = machine.livery(
        "credential", "create", "--account", "shop.test", "--key", "--name", "Feed", "--may", "keys", "--may", "send"
    )
    assert (status, re.sub(r"mk_[a-z2-7]{39}", "KEY", said)) == (0, "key       KEY\nThe key is shown this once.\n")
    both = ("credential", "create", "--account", "shop.test", "--key", "--ip", "192.0.2.0/24")
    assert machine.livery(*both)[0] == 2
    status, said = machine.livery("credential", "create", "--account", "shop.test", "--ip", "192.0.2.0/24")
    assert (status, said) == (0, "Mail from 192.0.2.0/24 is sent for shop.test, without a password.\n")
    for what, state in (("disable", "off"), ("enable", "on")):
        switch = ("credential", what, "Feed", "--account", "shop.test")
        assert machine.livery(*switch) == (0, f"Feed is switched {state} for shop.test.\n")
    assert machine.livery("credential", "disable", "192.0.2.0/24", "--account", "shop.test")[0] == 0
    status, said = machine.livery("credential", "list", "--account", "shop.test")
    assert status == 0
    assert re.search(r"^source  disabled  192\.0\.2\.0/24 +never used +Command line$", said, re.MULTILINE)
    assert re.search(r"^api     active    mk_[a-z2-7]{6} +never used +Feed$", said, re.MULTILINE)
    assert lines["password"] not in said
    revoke = ("credential", "revoke", lines["user"].strip(), "--account", "shop.test")
    revoked = f"{lines['user'].strip()} is revoked: from now on nobody is let in with it for shop.test.\n"
    assert machine.livery(*revoke) == (0, revoked)
    assert machine.livery(*revoke) == (1, "livery: No such credential.\n")
    status, said = machine.livery("credential", "create", "--account", "nobody.test")
    assert (status, said) == (
        1,
        "livery: There is no account nobody.test. An account's short name looks like shop.test.\n",
    )

    create = ("operator", "create", "--email", "new@livery.test", "--password-stdin")
    assert machine.livery(*create, feed="short\n") == (1, "livery: A password needs at least ten characters.\n")
    assert machine.livery(*create, feed="long enough for it\n")[0] == 0
    assert machine.livery(*create, feed="long enough for it\n") == (1, "livery: new@livery.test is a member already.\n")

    status, said = machine.livery("doctor", environ=DEMO)
    assert status == 0, said
    assert "ok    tables       up to date" in said
    assert f"ok    port {machine.http}" in said
    assert "ok    settings     mail domain mail.livery.test, delivery: simulator" in said
    assert "ok    API role     livery_api, bound by row-level security\n" in said
    nowhere = {**DEMO, "LIVERY_ROUTE": "mx"}
    with Dns() as dns:
        nowhere["LIVERY_DNS"] = dns.address
        warned = machine.livery("doctor", environ=nowhere)[1]
        strict = {"LIVERY_MAIL_DOMAIN": "mail.acme.test", "LIVERY_TLS": "required"}
        named = machine.livery("doctor", environ={**nowhere, **strict})[1]
    advice = "Set LIVERY_MAIL_DOMAIN: this name is seen by every recipient."
    assert f"warn  settings     mail domain mail.livery.test, delivery: mx (TLS opportunistic). {advice}" in warned
    assert "ok    settings     mail domain mail.acme.test, delivery: mx (TLS required)\n" in named
    assert machine.processes() == {}

    pem = machine.data_dir / "tls" / "mail.livery.test.pem"
    names = x509.load_pem_x509_certificate(pem.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["mail.livery.test", "localhost", "*.localhost"]
    for secret in (pem, machine.data_dir / "secret.key"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_doctor_says_where_nothing_but_the_application_keeps_tenants_apart(machine: Machine, database_url: str) -> None:
    services = {"LIVERY_DATABASE_URL": database_url, "LIVERY_SECRET_KEY": "5e" * 32}
    advice = "Set LIVERY_DATABASE_API_URL: the same database as the role livery_api."
    line = f"warn  API role     livery: row-level security does not bind it. {advice}\n"
    assert line in machine.livery("doctor", environ=services)[1]
    bound = {"LIVERY_DATABASE_API_URL": database_url.replace("//livery@", "//livery_api@")}
    said = machine.livery("doctor", environ={**services, **bound})[1]
    assert "ok    API role     livery_api, bound by row-level security\n" in said
    assert "does not bind" not in said


def test_explain_prints_one_object_a_reply(machine: Machine) -> None:
    status, said = machine.livery("explain", "-", feed="550 5.1.1 <a@b.test>: no such user\n\n250 2.0.0 OK\nhello\n")
    rows = [json.loads(line) for line in said.splitlines()]
    assert status == 0
    assert [(row["recipient"], row["class"], row["status"]) for row in rows] == [
        ("a@b.test", "hard", "5.1.1"),
        (None, "delivered", "2.0.0"),
        (None, "unknown", None),
    ]
    assert all(row["reason"] and row["reply"] for row in rows)


def test_explain_takes_a_reply_as_it_is_typed(machine: Machine, tmp_path: Path) -> None:
    status, said = machine.livery("explain", "550 5.1.1 <a/b@c.test>: no such user")
    row = json.loads(said)
    assert (status, row["recipient"], row["class"], row["status"]) == (0, "a/b@c.test", "hard", "5.1.1")
    file = tmp_path / "replies"
    file.write_text("250 2.0.0 OK\n")
    status, said = machine.livery("explain", str(file))
    assert (status, json.loads(said)["class"]) == (0, "delivered")


def test_explain_takes_a_mail_that_came_back(machine: Machine) -> None:
    corpus = Path(__file__).parent.parent / "corpus"
    status, said = machine.livery("explain", str(corpus / "bounces" / "lhost-qmail-25.eml"))
    told = [json.loads(line) for line in said.splitlines()]
    assert status == 0
    assert [(one["recipient"], one["class"], one["status"]) for one in told] == [
        ("mailboxfull@libsisimai.net", "soft", "5.2.2"),
        ("userunknown@libsisimai.net", "hard", "5.1.1"),
    ]
    status, said = machine.livery("explain", str(corpus / "complaints" / "arf-12.eml"))
    assert (status, json.loads(said)["recipient"], json.loads(said)["class"]) == (0, "user@example.com", "complaint")


def test_explain_says_what_it_takes(machine: Machine, tmp_path: Path) -> None:
    for what in (str(tmp_path / "none"), "no such user"):
        status, said = machine.livery("explain", what)
        assert status == 2
        assert "No such file or directory" in said
        assert '"-" for standard input, or a reply in quotes' in said


def test_the_committed_schema_is_what_the_code_serves(machine: Machine) -> None:
    assert machine.livery("schema", "--check") == (0, "")
    assert machine.livery("schema") == (0, (CHECKOUT / "api" / "schema.graphql").read_text())


def test_the_compose_file_is_one(tmp_path: Path) -> None:
    names = (
        "POSTGRES_PASSWORD",
        "LIVERY_API_PASSWORD",
        "RABBITMQ_PASSWORD",
        "LIVERY_SECRET_KEY",
        "LIVERY_PUBLIC_URL",
        "LIVERY_MAIL_DOMAIN",
    )
    example = (CHECKOUT / "docker" / "example.env").read_text()
    assert all(f"\n{name}=" in example for name in names)
    filled = tmp_path / "env"
    filled.write_text("".join(f"{name}=value\n" for name in names))
    config = ["docker-compose", "-f", str(CHECKOUT / "docker" / "compose.yaml")]
    done = subprocess.run(
        [*config, "--env-file", str(filled), "config", "--services"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"postgres", "rabbitmq", "migrate", "api", "smtpd", "workers", "clock"}
    filled.write_text("")
    refused = subprocess.run(
        [*config, "--env-file", str(filled), "config"], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
