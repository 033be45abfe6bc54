"""Nothing that leaves the platform names it: banners, replies, header fields, cookies, answers and errors stay neutral."""

import re

import httpx

from tests.flows.test_refusals import envelope, secure
from tests.support.mails import plain
from tests.support.platform import MAIL_DOMAIN
from tests.support.rawsmtp import RawSmtp
from tests.support.stage import Stage

# The product, its parts and their versions: none of a stranger's business, and another brand to a reseller's customers.
_TELLTALE = re.compile(r"(?<!de)livery|aiosmtpd|litestar|strawberry|uvicorn|python|postgres", re.IGNORECASE)


async def test_smtp_names_the_mail_domain_and_nothing_else(stage: Stage) -> None:
    said: list[str] = []
    for port in (stage.platform.submission, stage.platform.mx):
        with RawSmtp(port) as peer:
            assert peer.banner.startswith(f"220 {MAIL_DOMAIN} ")
            said += [
                peer.banner,
                peer.say("EHLO client.test"),
                peer.say("HELP"),
                peer.say("NONSENSE"),
                peer.say("VRFY x"),
            ]
            said += [peer.say("QUIT")]
    with secure(stage, login=False) as peer:
        said += [peer.say("EHLO client.test"), peer.plain("nobody", "wrong"), envelope(peer)]
    assert [line for line in said if _TELLTALE.search(line)] == []


async def test_a_delivered_mail_names_the_mail_domain_and_nothing_else(stage: Stage) -> None:
    async with stage.host() as sink:
        await stage.submit(plain("user@shop.test", "r@far.test"), ["r@far.test"])
        [mail] = await sink.receives(1)
        await stage.settle()
    assert _TELLTALE.search(mail.content.decode()) is None
    assert mail.helo == MAIL_DOMAIN
    assert mail.sender.endswith(f"@{MAIL_DOMAIN}"), "the return path is the platform's, under its neutral name"
    received = re.search(r"(?ms)^Received: (.*?)\r\n(?![ \t])", mail.content.decode())
    assert received is not None
    assert f"by {MAIL_DOMAIN}" in received[1]
    assert "127.0.0.1" not in mail.content.decode().partition("DKIM-Signature")[0]


async def test_http_answers_and_errors_name_nothing(stage: Stage) -> None:
    # On a reseller's host; the platform's own dashboard may show its own brand.
    url = stage.platform.url
    host = f"{stage.world.acme.host}:{stage.platform.http}"
    async with httpx.AsyncClient(timeout=30, headers={"Host": host}) as client:
        answers = [
            await client.get(f"{url}/health/live"),
            await client.get(f"{url}/nothing/here"),
            await client.get(f"{url}/", headers={"Host": "unknown.example"}),
            await client.post(f"{url}/graphql", json={"query": "{ nonsense }"}),
            await client.post(f"{url}/graphql", content=b"{ this is no JSON"),
            await client.post(f"{url}/graphql", json={"query": "{ messages { nodes { id } } }"}),
        ]
    for answer in answers:
        shown = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()) + answer.text
        assert _TELLTALE.search(shown) is None, shown[:2000]
    assert answers[0].status_code == 200
    assert answers[2].status_code == 404
