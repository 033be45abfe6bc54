"""Mail gets the template and footer that its account, credential, header or API field chose, and stays whole and signed."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from tests.flows.test_copies import full, to
from tests.flows.test_delivery import published_keys
from tests.support.dkim_check import dkimpy_verifies
from tests.support.mails import plain
from tests.support.stage import Stage
from tests.support.world import Tenant

CREATE = """mutation ($input: CreateTemplateInput!) { createTemplate(input: $input) {
  __typename ... on Template { id } ... on Problem { code field message } } }"""
CHOOSE = """mutation ($input: UpdateTreatmentInput!) { updateTreatment(input: $input) {
  __typename ... on Problem { code message } } }"""
SEND = """mutation ($input: SendMailInput!) { sendMail(input: $input) {
  __typename ... on SentMail { messageId } ... on Problem { code field message } } }"""
PREVIEW = """query ($input: PreviewInput!) { previewTemplate(input: $input) {
  ... on Preview { html text note } ... on Problem { code message } } }"""


async def create(stage: Stage, tenant: Tenant, **input: Any) -> str:
    made = (await full(stage, tenant).run(CREATE, input={"kind": "TEMPLATE", **input}))["createTemplate"]
    assert made["__typename"] == "Template", made
    id: str = made["id"]
    return id


def parts(content: bytes) -> tuple[str, str]:
    """What a mail says in text and in HTML, line ends aside."""
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (part.get_content().replace("\r\n", "\n") if part else "" for part in found)
    return text, html


async def send(stage: Stage, tenant: Tenant, reader: str, **more: Any) -> Any:
    message = {"sender": tenant.email, "to": [reader], "subject": "s", "text": "words", "html": "<p>words</p>", **more}
    return (await stage.api(tenant).run(SEND, input=message))["sendMail"]


async def test_the_default_stands_around_mail_and_the_footer_of_its_language_under_it(stage: Stage) -> None:
    shop = stage.world.shop
    await create(stage, shop, name="news", html="<h1>TOP</h1><% body %>", text="TOP\n<% body %>", isDefault=True)
    await create(stage, shop, name="other", html="<h1>OTHER</h1><% body %>", text="OTHER\n<% body %>")
    await create(stage, shop, kind="FOOTER", name="en", html="<p>END</p>", text="END", isDefault=True)
    await create(stage, shop, kind="FOOTER", name="de", html="<p>ENDE</p>", text="ENDE", language="de", isDefault=True)
    async with stage.host() as sink:
        for reader, more in (
            ("usual@far.test", {}),
            ("german@far.test", {"headers": [{"name": "Content-Language", "value": "de-AT"}]}),
            ("named@far.test", {"template": "other", "footer": "none"}),
            ("header@far.test", {"headers": [{"name": "X-Lv-Template", "value": "none"}]}),
        ):
            assert (await send(stage, shop, reader, **more))["__typename"] == "SentMail"
        refused = await send(stage, shop, "no@far.test", template="nothing like it")
        assert (refused["code"], refused["field"]) == ("MISSING", ["template"])
        mails = await sink.receives(4)
        await stage.settle()
    keys = await published_keys(stage)
    for reader, top, end in (
        ("usual@far.test", "TOP", "END"),
        ("german@far.test", "TOP", "ENDE"),
        ("named@far.test", "OTHER", ""),
        ("header@far.test", "", "END"),
    ):
        content = to(mails, reader).content
        text, html = parts(content)
        assert [word for word in text.split() if word] == [word for word in (top, "words", end) if word]
        marks = (f"<h1>{top}</h1>", "<p>words</p>", f"<p>{end}</p>")
        places = [html.index(mark) for mark in marks if mark not in ("<h1></h1>", "<p></p>")]
        assert places == sorted(places)
        assert ("TOP" in html, "OTHER" in html) == (top == "TOP", top == "OTHER")
        assert ("<p>END</p>" in html, "<p>ENDE</p>" in html) == (end == "END", end == "ENDE")
        assert dkimpy_verifies(content, keys)
        assert b"x-lv-" not in content.lower()


async def test_a_credential_has_its_own_and_a_preview_is_what_is_sent(stage: Stage) -> None:
    cafe = stage.world.cafe
    made = await create(stage, cafe, name="cafe", html="<div><% body %><p>CAFE</p></div>", text="<% body %>\nCAFE")
    async with stage.database() as conn:
        credential = str(
            await conn.fetchval("select id from credential where account_id = $1 and kind = 'smtp'", cafe.id)
        )
    chosen = await full(stage, cafe).run(CHOOSE, input={"credentialId": credential, "templateId": made})
    assert chosen["updateTreatment"]["__typename"] == "Treatment"
    html = b"Content-Type: text/html\r\nMIME-Version: 1.0\r\n\r\n<p>hello</p>\r\n"
    content = f"From: {cafe.email}\r\nTo: x@far.test\r\nSubject: s\r\n".encode() + html
    async with stage.host() as sink:
        await stage.submit(content, ["smtp@far.test"], tenant=cafe)
        assert (await send(stage, cafe, "api@far.test"))["__typename"] == "SentMail"
        mails = await sink.receives(2)
        await stage.settle()
    sent = parts(to(mails, "smtp@far.test").content)[1]
    assert sent.index("hello") < sent.index("CAFE")
    assert "CAFE" not in to(mails, "api@far.test").content.decode()
    async with stage.database() as conn:
        id = str(await conn.fetchval("select message_id from recipient where address = 'smtp@far.test'"))
    shown = (await stage.api(cafe).run(PREVIEW, input={"templateId": made, "messageId": id}))["previewTemplate"]
    assert (shown["html"].replace("\r\n", "\n").strip(), shown["note"]) == (sent.strip(), None)


async def test_signed_mail_is_sent_as_it_is_and_the_conversation_says_so(stage: Stage) -> None:
    acme = stage.world.acme
    await create(stage, acme, kind="FOOTER", name="f", html="<p>END</p>", text="END", isDefault=True)
    signed = plain(acme.email, "signed@far.test").replace(
        b"Subject:",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; protocol=x/y; micalg=z\r\nSubject:",
        1,
    )
    head, _, _ = signed.partition(b"\r\n\r\n")
    body = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: x/y\r\n\r\nsig\r\n--b--\r\n"
    async with stage.host() as sink:
        await stage.submit(head + b"\r\n\r\n" + body, ["signed@far.test"], tenant=acme)
        [mail] = await sink.receives(1)
        await stage.settle()
    assert mail.content.endswith(b"\r\n\r\n" + body)
    data = await stage.api(acme).run("{ recipients(first: 1) { nodes { timeline { attempt { conversation } } } } }")
    said = "\n".join(data["recipients"]["nodes"][0]["timeline"][-1]["attempt"]["conversation"])
    assert "not changed: it is signed or encrypted" in said
