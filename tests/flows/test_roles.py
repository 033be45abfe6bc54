"""Every root field answers each role as the hand-written matrix says, and another tenant's rows are missing, never denied."""

from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from tenants.models import Role
from tests.house.role_matrix import MATRIX, Access, Answer
from tests.support.graphql import Api, Refused
from tests.support.mails import plain
from tests.support.questions import NOWHERE, Asker, schema
from tests.support.stage import Stage
from tests.support.world import PASSWORD

VALUES: dict[str, Any] = {
    "Query.statistics.to": "2026-01-02T00:00:00Z",
    "Query.engagement.to": "2026-01-02T00:00:00Z",
    "Query.unsubscribePage.language": "en",
    "Mutation.login.email": "user@shop.test",
    "Mutation.login.password": PASSWORD,
    "Mutation.sendMail.input.sender": "user@shop.test",
    "Mutation.sendMail.input.to": ["delivered@far.test"],
    "Mutation.sendMail.input.text": "t",
    # The account's own list; the one that holds for everybody is the operator's alone.
    "Query.suppressions.forEverybody": False,
    "Mutation.addSuppression.input.forEverybody": False,
}
"""What the questions need where an invented value would not do. Ids name nothing unless `one_message` gives them."""

_CODES = {"UNAUTHENTICATED": Answer.REFUSED, "FORBIDDEN": Answer.FORBIDDEN}
_SENDS = {"owner", "admin", "sender", "key"}


async def client(stage: Stage, role: str) -> Api:
    """Return a client of this column, for shop."""
    shop = stage.world.shop
    if role in Role:
        return await Api(stage.platform.url).login(shop.login(Role(role)), PASSWORD)
    keys = {"anonymous": None, "key": shop.full_key, "read_key": shop.read_key}
    return Api(stage.platform.url, keys[role])


async def one_message(stage: Stage) -> dict[str, str]:
    """Have shop send one message; return its id and its recipient's, by kind."""
    async with stage.host() as sink:
        await stage.submit(plain("user@shop.test", "r@far.test"), ["r@far.test"])
        await sink.receives(1)
        await stage.settle()
    node = (await stage.api(stage.world.shop).run("{ recipients(first: 1) { nodes { id message { id } } } }"))[
        "recipients"
    ]["nodes"][0]
    return {"message": node["message"]["id"], "recipient": node["id"]}


async def ask(api: Api, field: str, asker: Asker) -> Answer:
    """Ask a field and say which kind of answer came."""
    if field.startswith("Subscription."):
        return await _follow(api)
    question = asker.question(field)
    answer = await api.ask(question.text, **question.variables)
    if errors := answer.get("errors"):
        [code] = {error["extensions"]["code"] for error in errors}
        assert code not in {"INTERNAL", "UNAVAILABLE"} and all("path" in error for error in errors), (field, errors)
        return _CODES.get(code, Answer.DATA)
    [value] = answer["data"].values()
    if isinstance(value, dict) and value.get("__typename") == "Problem":
        # Any other refusal is about what was asked for: whoever got it was let in.
        return _CODES.get(value["code"], Answer.DATA)
    return Answer.NOBODY if value is None and field == "Query.me" else Answer.DATA


async def _follow(api: Api) -> Answer:
    feed = api.follow(None)
    try:
        await anext(feed)
    except WebSocketException:
        return Answer.REFUSED
    except Refused as refused:
        [answer] = {answer for code, answer in _CODES.items() if code in str(refused)}
        return answer
    finally:
        await feed.aclose()
    return Answer.DATA


@pytest.mark.parametrize("role", Access._fields)
async def test_each_field_answers_the_role_as_written(stage: Stage, role: str) -> None:
    ids = await one_message(stage)
    asker = Asker(schema(), lambda kind: ids.get(kind, NOWHERE), VALUES, depth=2)
    before = await stage.stored()
    found: dict[str, Answer] = {}
    async with stage.host():
        api = await client(stage, role)
        for field in MATRIX:
            found[field] = await ask(api, field, asker)
            if field in {"Mutation.login", "Mutation.logout"}:  # either ends the session it was asked with
                api = await client(stage, role)
        await stage.settle()
    assert found == {field: getattr(access, role) for field, access in MATRIX.items()}
    added = (await stage.stored())[0] - before[0]
    assert added == (1 if role in _SENDS else 0), "a refused sendMail stores nothing, an answered one a message"


async def test_another_tenants_rows_are_missing_and_the_parents_are_there(stage: Stage) -> None:
    ids = await one_message(stage)
    message, recipient = ids["message"], ids["recipient"]
    query = (
        f'{{ message(id: "{message}") {{ id }} recipient(id: "{recipient}") {{ id }} messages {{ nodes {{ id }} }} }}'
    )
    seen: dict[str, Any] = {}
    for tenant in stage.world.tenants:
        seen[tenant.name] = await stage.api(tenant).run(query)
    for stranger in ("cafe", "rival", "other"):
        assert seen[stranger] == {"message": None, "recipient": None, "messages": {"nodes": []}}
    for owner in ("shop", "acme", "platform"):
        assert seen[owner]["message"] == {"id": message}
        assert seen[owner]["recipient"] == {"id": recipient}
        assert {"id": message} in seen[owner]["messages"]["nodes"]
    nothing = await stage.api(stage.world.shop).run(f'{{ message(id: "{NOWHERE}") {{ id }} }}')
    assert nothing == {"message": None}, "a row of somebody else looks like one that never was"
