"""Does a key go through its whole life? Made, used at every door, bound by its limits, and out everywhere within five seconds."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.graphql import Api, Refused
from tests.support.mails import plain
from tests.support.rawsmtp import RawSmtp
from tests.support.stage import Stage, eventually
from tests.support.world import PASSWORD

CREDENTIAL = """id kind name username prefix state permissions networks sandbox expiresAt disabledAt revokedAt lastUsedAt
  lastUsedIp limits { perMinute perHour perDay perMonth }"""
PROBLEM = "... on Problem { code message field next until }"
CREATE = f"""mutation ($input: CreateCredentialInput!) {{ createCredential(input: $input) {{
  ... on NewCredential {{ secret credential {{ {CREDENTIAL} }} }} {PROBLEM} }} }}"""
UPDATE = f"""mutation ($id: ID!, $input: UpdateCredentialInput!) {{ updateCredential(id: $id, input: $input) {{
  ... on Credential {{ {CREDENTIAL} }} {PROBLEM} }} }}"""
SEND = f"""mutation ($to: [String!]!) {{ sendMail(input: {{ sender: "user@shop.test", to: $to, subject: "s", text: "t" }}) {{
  __typename ... on SentMail {{ messageId }} {PROBLEM} }} }}"""
"""All of them as a program would write them."""


def act(name: str) -> str:
    """The mutation that does something to one credential."""
    return f"mutation ($id: ID!) {{ {name}(id: $id) {{ ... on Credential {{ {CREDENTIAL} }} {PROBLEM} }} }}"


async def owner(stage: Stage) -> Api:
    """Shop's owner, signed in."""
    return await Api(stage.platform.url).login(stage.world.shop.email, PASSWORD)


async def make(api: Api, **input: Any) -> dict[str, Any]:
    """Make a credential and return the answer."""
    found: dict[str, Any] = (await api.run(CREATE, input=input))["createCredential"]
    return found


ENDS: dict[str, Callable[[str], tuple[str, dict[str, Any]]]] = {
    "revoked": lambda id: (act("revokeCredential"), {"id": id}),
    "disabled": lambda id: (act("disableCredential"), {"id": id}),
    "elsewhere": lambda id: (UPDATE, {"id": id, "input": {"networks": ["192.0.2.0/24"]}}),
}
"""What an owner does to end what a credential opened."""


@pytest.mark.parametrize("end", ENDS)
async def test_what_is_ended_is_out_everywhere_within_five_seconds(stage: Stage, end: str) -> None:
    api = await owner(stage)
    user, key = await make(api, kind="SMTP", name="till"), await make(api, kind="API", name="feed")
    program = Api(stage.platform.url, key["secret"])
    feed = program.follow(None)
    with RawSmtp(stage.platform.submissions, tls=stage.platform.client_tls()) as session:
        assert session.say("EHLO client.test").startswith("250")
        assert session.plain(user["credential"]["username"], user["secret"]).startswith("235 2.7.0")
        assert session.say("MAIL FROM:<user@shop.test>").startswith("250")
        await anext(feed)
        for made in (user, key):
            mutation, variables = ENDS[end](made["credential"]["id"])
            [changed] = (await api.run(mutation, **variables)).values()
            assert "code" not in changed, changed
        begun = time.monotonic()
        # The API at once: every request shows its key.
        with pytest.raises(Refused, match="KEY_REFUSED"):
            await program.run("{ me { account { slug } } }")
        # A new login at once.
        with RawSmtp(stage.platform.submissions, tls=stage.platform.client_tls()) as another:
            assert another.say("EHLO client.test").startswith("250")
            said = another.plain(user["credential"]["username"], user["secret"])
            assert said.startswith("535 5.7.8" if end == "elsewhere" else "525 5.7.13")

        async def mail() -> str | None:
            session.say("RSET")
            said = session.say("MAIL FROM:<user@shop.test>")
            return None if said.startswith("250") else said

        assert (await eventually(mail, "refusal at MAIL", seconds=5)).startswith("421 4.7.0")
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + 5 - (time.monotonic() - begun)):
                while True:
                    await anext(feed)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    await feed.aclose()
    # Its positive twin: the owner's own session and shop's other credentials go on.
    assert (await api.run("{ me { account { slug } } }"))["me"]["account"]["slug"] == "shop.test"
    with stage.session(stage.world.shop):
        pass


async def test_a_limit_is_shared_by_processes_and_told_as_a_problem(stage: Stage) -> None:
    api = await owner(stage)
    made = await make(api, kind="API", name="limited", limits={"perDay": 5})
    program = Api(stage.platform.url, made["secret"])
    async with stage.host() as sink:
        answers = await asyncio.gather(*(program.run(SEND, to=[f"r{n}@far.test"]) for n in range(12)))
        found = [answer["sendMail"] for answer in answers]
        assert [one["__typename"] for one in found].count("SentMail") == 5
        refused = [one for one in found if one["__typename"] == "Problem"]
        assert {(one["code"], one["message"]) for one in refused} == {
            ("RATE_LIMITED", "This credential may send to 5 recipients a day.")
        }
        [until] = {one["until"] for one in refused}
        assert until.endswith("T00:00:00.000000Z")
        assert {one["next"] for one in refused} == {
            f"Try again at {until.replace('.000000', '')}, or ask for a higher limit."
        }
        await sink.receives(5)
        more = await api.run(UPDATE, id=made["credential"]["id"], input={"limits": {"perDay": 6}})
        assert more["updateCredential"]["limits"]["perDay"] == 6
        assert (await program.run(SEND, to=["one@far.test"]))["sendMail"]["__typename"] == "SentMail"
        assert (await program.run(SEND, to=["two@far.test"]))["sendMail"]["code"] == "RATE_LIMITED"
        await sink.receives(6)
        await stage.settle()


async def test_the_sandbox_keeps_its_mail_in_the_house(stage: Stage) -> None:
    made = await make(await owner(stage), kind="API", name="trial", sandbox=True)
    async with stage.host() as sink:
        program = Api(stage.platform.url, made["secret"])
        assert (await program.run(SEND, to=["sandboxed@far.test"]))["sendMail"]["__typename"] == "SentMail"
        await stage.submit(plain("user@shop.test", "sent@far.test"), ["sent@far.test"])
        await sink.receives(1)
        states = await stage.settle()
        assert (states["sandboxed@far.test"], states["sent@far.test"]) == ("delivered", "delivered")
        assert [mail.recipients for mail in sink.mails] == [("sent@far.test",)]


async def test_the_secret_is_in_one_answer_and_nowhere_else(stage: Stage) -> None:
    api = await owner(stage)
    made = [await make(api, kind=kind, name="secret") for kind in ("SMTP", "API")]
    async with stage.database() as conn:
        dumped = "".join(
            [
                str(dict(row))
                for table in ("credential", "audit_entry", "session", "event")
                for row in await conn.fetch(f"select * from {table}")
            ]
        )
    listed = str(await api.run(f"{{ credentials {{ nodes {{ {CREDENTIAL} }} }} }}"))
    logs = "".join(stage.platform.log(name) for name in stage.platform.names)
    for one in made:
        assert one["secret"] not in dumped + listed + logs
        assert one["credential"]["id"] in listed
        with contextlib.suppress(Refused):
            await Api(stage.platform.url, one["secret"]).run("{ me { account { slug } } }")
    assert not any(one["secret"] in stage.platform.log(name) for one in made for name in stage.platform.names)
