"""Are templates and footers kept as they will be used, one of each the default, and chosen for accounts and credentials?"""

import asyncio
import time
from dataclasses import replace
from uuid import UUID

import pytest

from kit.db import Database
from kit.errors import Kind, LiveryError
from kit.ids import new_id
from mail import choices, templates
from mail.accounts import deletion
from mail.choices import NONE, Choice
from mail.templates import Draft, TemplateKind, TemplateView
from tenants.permissions import Permission
from tenants.scope import Scope
from tests.support.belongings import make
from tests.support.world import Tenant, World

TEMPLATE, FOOTER = TemplateKind.TEMPLATE, TemplateKind.FOOTER
PAGE = Draft("newsletter", '<p onclick="x()">Hello</p><% body %><p>Bye</p>')


def owner(tenant: Tenant) -> Scope:
    return Scope(tenant.id, may=frozenset(Permission))


async def create(db: Database, tenant: Tenant, draft: Draft, kind: TemplateKind = TEMPLATE) -> TemplateView:
    async with db.unit_of_work() as unit:
        return await templates.create(unit, owner(tenant), draft, kind=kind)


async def edit(db: Database, tenant: Tenant, id: UUID, draft: Draft) -> TemplateView:
    async with db.unit_of_work() as unit:
        return await templates.edit(unit, owner(tenant), id, draft)


async def listed(db: Database, tenant: Tenant, kind: TemplateKind | None = None) -> list[tuple[str, str | None, bool]]:
    async with db.connection() as conn:
        found = await templates.templates(conn, owner(tenant), kind=kind)
    return [(one.name, one.language, one.is_default) for one in found]


async def audited(db: Database) -> list[str]:
    async with db.connection() as conn:
        return [row["action"] for row in await conn.fetch("select action from audit_entry order by id")]


async def test_a_template_is_kept_as_it_will_be_used(world_db: Database, world: World) -> None:
    made = await create(world_db, world.shop, replace(PAGE, name="  newsletter "))
    assert (made.name, made.html) == ("newsletter", "<p>Hello</p><% body %><p>Bye</p>")
    assert [line for line in made.text.split("\n") if line] == ["Hello", "<% body %>", "Bye"]
    after = await edit(world_db, world.shop, made.id, Draft("order", "<b><%BODY%></b>", "Hi\r\n<% body %>"))
    assert (after.name, after.html, after.text) == ("order", "<b><% body %></b>", "Hi\n<% body %>")
    async with world_db.unit_of_work() as unit:
        await templates.delete(unit, owner(world.shop), made.id)
    assert await listed(world_db, world.shop) == []
    assert await audited(world_db) == ["template.create", "template.update", "template.delete"]


@pytest.mark.parametrize(
    ("draft", "kind", "code", "field"),
    [
        (Draft(" ", "<% body %>"), TEMPLATE, "INVALID", "name"),
        (Draft("n" * 101, "<% body %>"), TEMPLATE, "INVALID", "name"),
        (Draft("n", "<p>x</p>"), TEMPLATE, "NO_BODY", "html"),
        (Draft("n", "<!-- <% body %> -->"), TEMPLATE, "NO_BODY", "html"),
        (Draft("n", '<a href="<% body %>">x</a>'), TEMPLATE, "NO_BODY", "html"),
        (Draft("n", "<% body %><% body %>"), TEMPLATE, "SEVERAL_BODIES", "html"),
        (Draft("n", "<% body %>", "x"), TEMPLATE, "NO_BODY", "text"),
        (Draft("n", "<% body %>", "<% body %> <% body %>"), TEMPLATE, "SEVERAL_BODIES", "text"),
        (Draft("n", "<% body %>", language="de"), TEMPLATE, "INVALID", "language"),
        (Draft("n", "<p>x</p>", language="German"), FOOTER, "INVALID", "language"),
        (Draft("n", "<script>x</script>"), FOOTER, "INVALID", "html"),
        (Draft("n", "<p>x</p><% body %>"), FOOTER, "NOT_UNDER", "html"),
        (Draft("n", "<p>x</p>", "x <% body %>"), FOOTER, "NOT_UNDER", "text"),
        (Draft("n", "<% body %>\ud800"), TEMPLATE, "INVALID", "html"),
        (Draft("n", "<% body %>" + "x" * 100_000), TEMPLATE, "INVALID", "html"),
        (Draft("n", "<% body %>", "x" * 100_001), TEMPLATE, "INVALID", "text"),
        (Draft("n", "<div>" * 2_000 + "<% body %>"), TEMPLATE, "INVALID", "html"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_its_field(
    world_db: Database, world: World, draft: Draft, kind: TemplateKind, code: str, field: str
) -> None:
    with pytest.raises(LiveryError) as refused:
        await create(world_db, world.shop, draft, kind)
    assert (refused.value.kind, refused.value.code, refused.value.field) == (Kind.INVALID, code, (field,))
    assert (await listed(world_db, world.shop), await audited(world_db)) == ([], [])


async def test_a_hostile_footer_is_refused_at_once(world_db: Database, world: World) -> None:
    started = time.process_time()
    with pytest.raises(LiveryError) as refused:
        await create(world_db, world.shop, Draft("f", "<p>x</p>", "<" * 99_980 + "<% body %>"), FOOTER)
    assert (refused.value.code, refused.value.field) == ("NOT_UNDER", ("text",))
    assert time.process_time() - started < 0.5


async def test_a_footer_may_say_that_it_stands_under_the_message(world_db: Database, world: World) -> None:
    made = await create(
        world_db, world.shop, Draft("f", "<p> <% body %></p><p>Shop</p>", "<% body %>\n-- \nShop"), FOOTER
    )
    assert (made.html, made.text) == ("<p> </p><p>Shop</p>", "-- \nShop")
    bare = await create(world_db, world.shop, Draft("g", "<p>Shop</p>"), FOOTER)
    assert (bare.html, bare.text.strip()) == ("<p>Shop</p>", "Shop")


async def test_one_template_is_the_default_and_of_footers_one_a_language(world_db: Database, world: World) -> None:
    for name in ("a", "b"):
        await create(world_db, world.shop, replace(PAGE, name=name, is_default=True))
    for name, language in (("any", None), ("de1", "de"), ("de2", "de"), ("fr", "fr")):
        await create(world_db, world.shop, Draft(name, "<p>x</p>", language=language, is_default=True), FOOTER)
    await create(world_db, world.cafe, replace(PAGE, is_default=True))
    assert await listed(world_db, world.shop) == [
        ("a", None, False),
        ("b", None, True),
        ("any", None, True),
        ("de1", "de", False),
        ("de2", "de", True),
        ("fr", "fr", True),
    ]
    assert await listed(world_db, world.cafe, TEMPLATE) == [("newsletter", None, True)]
    async with world_db.connection() as conn:
        last = next(one for one in await templates.templates(conn, owner(world.shop)) if one.name == "fr")
    await edit(world_db, world.shop, last.id, Draft("fr", "<p>x</p>", language="de", is_default=True))
    assert (await listed(world_db, world.shop, FOOTER))[1:] == [
        ("de1", "de", False),
        ("de2", "de", False),
        ("fr", "de", True),
    ]


async def test_many_at_once_leave_one_default_and_no_name_twice(world_db: Database, world: World) -> None:
    drafts = [replace(PAGE, name=f"n{n % 4}", is_default=True) for n in range(12)]
    made = await asyncio.gather(*(create(world_db, world.shop, draft) for draft in drafts), return_exceptions=True)
    refused = [one for one in made if isinstance(one, BaseException)]
    assert [one.code for one in refused if isinstance(one, LiveryError)] == ["TAKEN"] * 8
    rows = await listed(world_db, world.shop)
    assert [name for name, _, _ in rows] == ["n0", "n1", "n2", "n3"]
    assert sum(default for _, _, default in rows) == 1


async def test_other_accounts_templates_are_missing_and_the_parent_may_edit_them(
    world_db: Database, world: World
) -> None:
    made = await create(world_db, world.shop, PAGE)
    for stranger in (world.cafe, world.rival):
        for id in (made.id, new_id()):
            with pytest.raises(LiveryError) as refused:
                await edit(world_db, stranger, id, PAGE)
            assert (refused.value.kind, refused.value.message) == (Kind.MISSING, "No such template.")
    assert (await edit(world_db, world.acme, made.id, replace(PAGE, name="p"))).name == "p"
    reader = Scope(world.shop.id, may=frozenset({Permission.READ}))
    async with world_db.unit_of_work() as unit:
        assert (await templates.templates(unit.conn, reader))[0].name == "p"
        with pytest.raises(LiveryError) as denied:
            await templates.delete(unit, reader, made.id)
    assert denied.value.kind is Kind.DENIED


async def test_html_to_text_is_what_a_template_without_text_gets(world_db: Database, world: World) -> None:
    html = '<h1>News</h1><p>See <a href="https://shop.test/x">here</a><% body %></p><ul><li>one<li>two</ul>'
    made = await create(world_db, world.shop, Draft("n", html))
    assert templates.text_of(html) == made.text
    assert "https://shop.test/x" in made.text


async def choose(db: Database, tenant: Tenant, credential: UUID | None = None, **changes: object) -> Choice:
    async with db.unit_of_work() as unit:
        return (await choices.choose(unit, owner(tenant), changes, credential_id=credential)).choice


async def test_an_account_and_its_credentials_choose_and_take_back(world_db: Database, world: World) -> None:
    made = await create(world_db, world.shop, PAGE)
    footer = await create(world_db, world.shop, Draft("f", "<p>x</p>"), FOOTER)
    async with world_db.connection() as conn:
        credential = UUID(await make(conn, "credential", world.shop.id, "chosen"))
    assert await choose(world_db, world.shop, template_id=made.id, track_opens=True) == Choice(made.id, None, True)
    assert await choose(world_db, world.shop, track_opens=None, whole_ip=True) == Choice(made.id, whole_ip=True)
    assert (await choose(world_db, world.shop, visit_days=30)).visit_days == 30
    assert (await choose(world_db, world.shop, visit_days=None)).visit_days is None
    own = await choose(world_db, world.shop, credential, template_id=NONE, footer_id=footer.id, track_clicks=False)
    assert own == Choice(NONE, footer.id, None, False)
    assert await audited(world_db) == ["template.create", "footer.create", *["treatment.update"] * 5]
    async with world_db.unit_of_work() as unit:
        await templates.delete(unit, owner(world.shop), made.id)
        await templates.delete(unit, owner(world.shop), footer.id)
    async with world_db.connection() as conn:
        shown = await choices.choice(conn, owner(world.acme), credential_id=credential)
        assert (shown.account_id, shown.choice) == (world.shop.id, Choice(NONE, track_clicks=False))
        assert (await choices.choice(conn, owner(world.shop))).choice == Choice(whole_ip=True)


async def test_nobody_chooses_what_is_not_theirs_or_not_of_that_kind(world_db: Database, world: World) -> None:
    made = await create(world_db, world.shop, PAGE)
    footer = await create(world_db, world.shop, Draft("f", "<p>x</p>"), FOOTER)
    async with world_db.connection() as conn:
        credential = UUID(await make(conn, "credential", world.shop.id, "chosen"))
        foreign = UUID(await make(conn, "template", world.rival.id, "foreign"))
        tag = UUID(await make(conn, "unsubscribe_tag", world.rival.id, "foreign"))
    before = await audited(world_db)
    for tenant, by, changes, field in (
        (world.shop, None, {"template_id": foreign}, ("templateId",)),
        (world.shop, None, {"template_id": footer.id}, ("templateId",)),
        (world.shop, None, {"footer_id": made.id}, ("footerId",)),
        (world.shop, None, {"unsubscribe_tag_id": tag}, ("unsubscribeTagId",)),
        (world.acme, None, {"template_id": made.id}, ("templateId",)),
        (world.cafe, credential, {"track_opens": True}, None),
    ):
        with pytest.raises(LiveryError) as refused:
            await choose(world_db, tenant, by, **changes)
        assert (refused.value.kind, refused.value.field) == (Kind.MISSING, field)
    with pytest.raises(LiveryError) as whole:
        await choose(world_db, world.shop, credential, whole_ip=True)
    assert (whole.value.kind, whole.value.field) == (Kind.INVALID, ("wholeIp",))
    for by, days in ((credential, 30), (None, 0), (None, 401)):
        with pytest.raises(LiveryError) as kept:
            await choose(world_db, world.shop, by, visit_days=days)
        assert (kept.value.kind, kept.value.field) == (Kind.INVALID, ("visitDays",))
    async with world_db.connection() as conn:
        assert await conn.fetchval("select count(*) from treatment") == 0
    assert await audited(world_db) == before
    assert (await choose(world_db, world.shop, credential, template_id=made.id)).template_id == made.id


async def test_a_deleted_account_keeps_none_of_it_and_its_neighbour_all(world_db: Database, world: World) -> None:
    for tenant in (world.shop, world.cafe):
        await create(world_db, tenant, PAGE)
        await choose(world_db, tenant, track_opens=True)
        async with world_db.connection() as conn:
            await make(conn, "copy_rule", tenant.id, "mark")
    async with world_db.unit_of_work() as unit:
        await deletion.delete(unit, owner(world.acme), world.shop.id, typed="Shop.Test")
    async with world_db.connection() as conn:
        for table in ("template", "treatment", "copy_rule"):
            assert [row["account_id"] for row in await conn.fetch(f"select account_id from {table}")] == [world.cafe.id]
