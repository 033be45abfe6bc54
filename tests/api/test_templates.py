"""Does the API keep templates and footers, and choices about them, and name the field where it will not?"""

from typing import Any

from tests.api.conftest import Client, World

PROBLEM = "... on Problem { code message field next }"
TEMPLATE = "... on Template { id kind name language html text isDefault }"
CREATE = (
    f"mutation ($input: CreateTemplateInput!) {{ createTemplate(input: $input) {{ __typename {TEMPLATE} {PROBLEM} }} }}"
)
UPDATE = (
    f"mutation ($input: UpdateTemplateInput!) {{ updateTemplate(input: $input) {{ __typename {TEMPLATE} {PROBLEM} }} }}"
)
DELETE = f"mutation ($id: ID!) {{ deleteTemplate(id: $id) {{ __typename ... on DeletedTemplate {{ id }} {PROBLEM} }} }}"
TO_TEXT = f"mutation ($html: String!) {{ htmlToText(html: $html) {{ ... on PlainText {{ text }} {PROBLEM} }} }}"
LIST = "query ($kind: TemplateKind, $account: ID) { templates(kind: $kind, accountId: $account) { name isDefault } }"
ONE = "query ($id: ID!) { template(id: $id) { name } }"
FIELDS = "accountId credentialId templateId footerId noTemplate noFooter trackOpens trackClicks wholeIp visitDays"
CHOOSE = f"""mutation ($input: UpdateTreatmentInput!) {{ updateTreatment(input: $input) {{
  __typename ... on Treatment {{ {FIELDS} }} {PROBLEM} }} }}"""
CHOICE = f"query ($credential: ID) {{ treatment(credentialId: $credential) {{ {FIELDS} }} }}"


async def create(client: Client, **input: Any) -> Any:
    draft = {"kind": "TEMPLATE", "name": "news", "html": "<p>Hi</p><% body %>", **input}
    return (await client.ask(CREATE, input=draft))["createTemplate"]


async def test_a_template_is_made_edited_listed_and_deleted(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await create(shop, isDefault=True)
    assert (made["__typename"], made["html"]) == ("Template", "<p>Hi</p><% body %>")
    assert (await shop.ask(TO_TEXT, html=made["html"]))["htmlToText"]["text"] == made["text"]
    kept = (await shop.ask(UPDATE, input={"id": made["id"], "html": "<b onclick=x><% body %></b>"}))["updateTemplate"]
    assert (kept["html"], kept["text"], kept["name"]) == ("<b><% body %></b>", made["text"], "news")
    anew = (await shop.ask(UPDATE, input={"id": made["id"], "text": None, "isDefault": False}))["updateTemplate"]
    assert (anew["text"].strip(), anew["isDefault"]) == ("<% body %>", False)
    await create(shop, kind="FOOTER", html="<p>x</p>", language="de", isDefault=True)
    assert (await shop.ask(LIST, kind="TEMPLATE"))["templates"] == [{"name": "news", "isDefault": False}]
    parent = world.client(key="admin@acme.test")
    below = (await parent.ask(LIST, account=str(world.accounts["shop.test"])))["templates"]
    assert len(below) == 2 and (await parent.ask(LIST))["templates"] == []
    assert (await shop.ask(DELETE, id=made["id"]))["deleteTemplate"]["id"] == made["id"]
    assert (await shop.ask(ONE, id=made["id"]))["template"] is None


async def test_what_is_wrong_is_named_by_its_field(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await create(shop)
    for input, code, field in (
        ({"name": ""}, "INVALID", "name"),
        ({"name": "news"}, "TAKEN", "name"),
        ({"name": "x", "html": "<p>Hi</p>"}, "NO_BODY", "html"),
        ({"name": "x", "text": "<% body %><% body %>"}, "SEVERAL_BODIES", "text"),
        ({"name": "x", "language": "de"}, "INVALID", "language"),
        ({"name": "x", "kind": "FOOTER", "html": "<p>x</p><% body %>", "text": "x"}, "NOT_UNDER", "html"),
    ):
        refused = await create(shop, **input)
        assert (refused["__typename"], refused["code"], refused["field"]) == ("Problem", code, [field]), input
        assert refused["next"] or code == "INVALID"
    changed = (await shop.ask(UPDATE, input={"id": made["id"], "html": "x"}))["updateTemplate"]
    assert (changed["code"], changed["field"]) == ("NO_BODY", ["html"])
    assert len((await shop.ask(LIST))["templates"]) == 1


async def test_an_account_and_a_credential_choose(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await create(shop)
    async with world.db.connection() as conn:
        credential = str(
            await conn.fetchval(
                "select id from credential where account_id = $1 and kind = 'smtp'", world.accounts["shop.test"]
            )
        )
    usual = (await shop.ask(CHOICE))["treatment"]
    assert usual == {
        "accountId": str(world.accounts["shop.test"]),
        **dict.fromkeys(
            ("credentialId", "templateId", "footerId", "trackOpens", "trackClicks", "wholeIp", "visitDays")
        ),
        "noTemplate": False,
        "noFooter": False,
    }
    chosen = (await shop.ask(CHOOSE, input={"templateId": made["id"], "trackOpens": True}))["updateTreatment"]
    assert (chosen["templateId"], chosen["trackOpens"]) == (made["id"], True)
    own = await shop.ask(CHOOSE, input={"credentialId": credential, "noTemplate": True, "trackOpens": False})
    assert own["updateTreatment"]["credentialId"] == credential
    shown = (await shop.ask(CHOICE, credential=credential))["treatment"]
    assert (shown["noTemplate"], shown["templateId"], shown["trackOpens"]) == (True, None, False)
    back = await shop.ask(CHOOSE, input={"credentialId": credential, "noTemplate": False, "trackOpens": None})
    assert (back["updateTreatment"]["noTemplate"], back["updateTreatment"]["trackOpens"]) == (False, None)
    refused = (await shop.ask(CHOOSE, input={"credentialId": credential, "wholeIp": True}))["updateTreatment"]
    assert (refused["code"], refused["field"]) == ("INVALID", ["wholeIp"])
    assert (await shop.ask(CHOOSE, input={"visitDays": 90}))["updateTreatment"]["visitDays"] == 90
    refused = (await shop.ask(CHOOSE, input={"visitDays": 1000}))["updateTreatment"]
    assert (refused["code"], refused["field"]) == ("INVALID", ["visitDays"])
    foreign = (await shop.ask(CHOOSE, input={"footerId": made["id"]}))["updateTreatment"]
    assert (foreign["code"], foreign["field"]) == ("MISSING", ["footerId"])


PREVIEW = f"""query ($input: PreviewInput!) {{ previewTemplate(input: $input) {{
  __typename ... on Preview {{ html text note }} {PROBLEM} }} }}"""


async def preview(client: Client, **input: Any) -> Any:
    return (await client.ask(PREVIEW, input=input))["previewTemplate"]


async def test_a_preview_shows_a_draft_in_a_sample_and_a_kept_one_in_a_message(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await create(shop)
    seen = await preview(shop, html="<h1 onclick=x>TOP</h1><% body %><% unsubscribe %>")
    assert seen["html"].index("<h1>TOP</h1>") < seen["html"].index("Dear reader")
    assert "TOP" in seen["text"] and "<%" not in seen["html"] + seen["text"] and seen["note"] is None
    message = str(await world.submit("shop.test", "a@x.test", body=b"What was written\r\n"))
    real = await preview(shop, templateId=made["id"], messageId=message)
    assert (real["html"], real["note"]) == (None, None)
    assert real["text"].index("Hi") < real["text"].index("What was written")
    under = await preview(shop, kind="FOOTER", html="<p>END</p>", messageId=message)
    assert under["text"].strip().endswith("END")
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from template") == 1, "nothing of it is kept"


async def test_a_preview_shows_no_message_of_others_and_no_mail_of_the_platform(world: World) -> None:
    shop, rival = world.client(key="admin@shop.test"), world.client(key="admin@rival.test")
    made = await create(shop)
    message = str(await world.submit("shop.test", "a@x.test"))
    foreign = await preview(rival, html="<% body %>", messageId=message)
    assert (foreign["code"], foreign["field"]) == ("MISSING", ["messageId"])
    assert (await preview(rival, templateId=made["id"]))["code"] == "MISSING"
    assert (await preview(shop, html="x"))["field"] == (await preview(shop))["field"] == ["html"]
    assert (await preview(shop, html="<% body %>", messageId=message))["__typename"] == "Preview"
