"""Secrets stay secret: no password, key or signing key lies readable in the database, the logs or the metrics."""

import base64
import smtplib
import urllib.request

import pytest

from tests.support.graphql import Api, Refused
from tests.support.mails import plain
from tests.support.stage import Stage
from tests.support.world import PASSWORD, SECRET_KEY

_PKCS8 = bytes.fromhex("020100300d06092a864886f70d0101010500")
BODY = "a body that no log may quote"


async def use_everything(stage: Stage) -> None:
    """Log in right and wrong by every door, send by both, fail at each."""
    shop = stage.world.shop
    async with stage.host() as sink:
        sink.answers("550 5.1.1 no", to="bounced@far.test")
        await stage.submit(plain(shop.email, "r@far.test", BODY), ["r@far.test", "bounced@far.test"])
        member = await Api(stage.platform.url).login(shop.email, PASSWORD)
        await member.run("{ me { account { slug } } }")
        with pytest.raises(Refused):
            await Api(stage.platform.url).login(shop.email, "a wrong password canary")
        with pytest.raises(Refused):
            await Api(stage.platform.url, key="lv_wrong_key_canary").run("{ messages { nodes { id } } }")
        with smtplib.SMTP("127.0.0.1", stage.platform.submission, timeout=30) as session:
            session.starttls(context=stage.platform.client_tls())
            with pytest.raises(smtplib.SMTPAuthenticationError):
                session.login(shop.smtp_user, "a wrong smtp password canary")
        await stage.api(shop).run(
            'mutation { sendMail(input: { sender: "user@shop.test", to: ["r@far.test"], text: "by api" }) { __typename } }'
        )
        await sink.receives(2)
        await stage.settle()


async def test_no_secret_is_readable_where_it_does_not_belong(stage: Stage) -> None:
    await use_everything(stage)
    shop = stage.world.shop
    secrets = {
        "member's password": PASSWORD,
        "SMTP password": shop.smtp_password,
        "SMTP login as sent": base64.b64encode(f"\0{shop.smtp_user}\0{shop.smtp_password}".encode()).decode(),
        "API key": shop.api_key,
        "secret key": SECRET_KEY.hex(),
        "private key": "PRIVATE KEY",
        # How every unsealed PKCS #8 RSA key begins, RFC 5958.
        "private key in DER": _PKCS8.hex(),
        "wrong password": "a wrong password canary",
        "wrong SMTP password": "a wrong smtp password canary",
        "wrong key": "lv_wrong_key_canary",
    }
    dump = await everything_stored(stage)
    logs = "".join(stage.platform.log(name) for name in stage.platform.names)
    metrics = ""
    for port in stage.platform.metrics.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            metrics += answer.read().decode()
    assert shop.smtp_user in dump, "the dump holds what it should, so what it lacks means something"
    assert len(metrics) > 1000
    found = {
        f"{what} in the {place}"
        for what, secret in secrets.items()
        for place, text in (("database", dump), ("logs", logs), ("metrics", metrics))
        if secret in text or secret.encode().hex() in text
    }
    assert found == set()
    assert BODY.encode().hex() in dump
    assert BODY not in logs + metrics


async def everything_stored(stage: Stage) -> str:
    """Return every row of every table as text, bytes in hexadecimal."""
    rows: list[str] = []
    async with stage.database() as conn:
        for table in await conn.fetch(
            """select format('%I.%I', table_schema, table_name) as name from information_schema.tables
                where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'"""
        ):
            rows += [row[0] for row in await conn.fetch(f"select t::text from {table['name']} t")]
    return "\n".join(rows)
