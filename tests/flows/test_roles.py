"""Every root field answers each role as the hand-written matrix says, and another tenant's rows are missing, never denied."""

from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from tests.house.role_matrix import MATRIX, Access, Answer
from tests.support.graphql import Api, Refused
from tests.support.mails import plain
from tests.support.stage import Stage
from tests.support.world import PASSWORD

ROLES = ("anonymous", "member", "key")
_PROBLEM = "... on Problem { code }"
_NOWHERE = "00000000-0000-7000-8000-000000000000"
_PERIOD = 'from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", bucket: HOUR'


@dataclass(frozen=True)
class Question:
    """How a field is asked, with the ids of a message that exists and that the asker may see."""

    operation: str
    answered: str = ""
    """Where in the data a refusal would show as a Problem."""


QUESTIONS = {
    "Query.me": Question("{ me { account { slug } } }"),
    "Query.messages": Question("{ messages { nodes { id } } }"),
    "Query.message": Question('{ message(id: "MESSAGE") { id } }'),
    "Query.recipients": Question("{ recipients { nodes { id } } }"),
    "Query.recipient": Question('{ recipient(id: "RECIPIENT") { id } }'),
    "Query.events": Question("{ events { nodes { id } } }"),
    "Query.latestEvents": Question("{ latestEvents { id } }"),
    "Query.statistics": Question(f"{{ statistics({_PERIOD}) {{ totals {{ total }} }} }}"),
    "Query.smtpSettings": Question("{ smtpSettings { host users } }"),
    "Mutation.login": Question(
        f'mutation {{ login(email: "user@shop.test", password: "{PASSWORD}") {{ __typename {_PROBLEM} }} }}', "login"
    ),
    "Mutation.logout": Question("mutation { logout }"),
    "Mutation.sendMail": Question(
        'mutation { sendMail(input: { sender: "user@shop.test", to: ["delivered@far.test"], subject: "s", text: "t" }) '
        f"{{ __typename {_PROBLEM} }} }}",
        "sendMail",
    ),
    "Subscription.events": Question("subscription"),
}


def test_every_field_of_the_matrix_is_asked() -> None:
    assert QUESTIONS.keys() == MATRIX.keys()


async def client(stage: Stage, role: str) -> Api:
    """Return a client of this role, for shop."""
    nobody = Api(stage.platform.url)
    if role == "member":
        return await nobody.login(stage.world.shop.email, PASSWORD)
    return stage.api(stage.world.shop) if role == "key" else nobody


async def one_message(stage: Stage) -> tuple[str, str]:
    """Have shop send one message; return its id and its recipient's."""
    async with stage.host() as sink:
        await stage.submit(plain("user@shop.test", "r@far.test"), ["r@far.test"])
        await sink.receives(1)
        await stage.settle()
    node = (await stage.api(stage.world.shop).run("{ recipients(first: 1) { nodes { id message { id } } } }"))[
        "recipients"
    ]
    return node["nodes"][0]["message"]["id"], node["nodes"][0]["id"]


async def ask(api: Api, field: str, message: str, recipient: str) -> Answer:
    """Ask a field and say which kind of answer came."""
    question = QUESTIONS[field]
    if question.operation == "subscription":
        feed = api.follow(None)
        try:
            await anext(feed)
        except (Refused, WebSocketException):
            return Answer.REFUSED
        finally:
            await feed.aclose()
        return Answer.DATA
    answer = await api.ask(question.operation.replace("MESSAGE", message).replace("RECIPIENT", recipient))
    if errors := answer.get("errors"):
        assert {error["extensions"]["code"] for error in errors} == {"UNAUTHENTICATED"}, errors
        return Answer.REFUSED
    [value] = answer["data"].values()
    if isinstance(value, dict) and value.get("__typename") == "Problem":
        assert value["code"] == "UNAUTHENTICATED", value
        return Answer.REFUSED
    return Answer.NOBODY if value is None else Answer.DATA


@pytest.mark.parametrize("role", ROLES)
async def test_each_field_answers_the_role_as_written(stage: Stage, role: str) -> None:
    message, recipient = await one_message(stage)
    before = await stage.stored()
    found: dict[str, Answer] = {}
    async with stage.host():
        for field in MATRIX:
            # A client of its own for each field: logging out ends a session.
            found[field] = await ask(await client(stage, role), field, message, recipient)
        await stage.settle()
    assert found == {field: _of(access, role) for field, access in MATRIX.items()}
    added = (await stage.stored())[0] - before[0]
    assert added == (0 if role == "anonymous" else 1), "a refused sendMail stores nothing, an answered one a message"


async def test_another_tenants_rows_are_missing_and_the_parents_are_there(stage: Stage) -> None:
    message, recipient = await one_message(stage)
    query = (
        f'{{ message(id: "{message}") {{ id }} recipient(id: "{recipient}") {{ id }} messages {{ nodes {{ id }} }} }}'
    )
    seen: dict[str, Any] = {}
    for tenant in stage.world.tenants:
        seen[tenant.name] = await stage.api(tenant).run(query)
    for stranger in ("rival", "other"):
        assert seen[stranger] == {"message": None, "recipient": None, "messages": {"nodes": []}}
    for owner in ("shop", "acme", "platform"):
        assert seen[owner]["message"] == {"id": message}
        assert seen[owner]["recipient"] == {"id": recipient}
        assert {"id": message} in seen[owner]["messages"]["nodes"]
    nothing = await stage.api(stage.world.shop).run(f'{{ message(id: "{_NOWHERE}") {{ id }} }}')
    assert nothing == {"message": None}, "a row of somebody else looks like one that never was"


def _of(access: Access, role: str) -> Answer:
    answer: Answer = getattr(access, role)
    return answer
