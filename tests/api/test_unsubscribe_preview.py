"""Does a customer see the very page by which recipients unsubscribe, in its own brand, and without a button that acts?"""

from dataclasses import replace
from typing import Any

import pytest

from api.unsubscribe_words import WORDS
from mail.wire.unsubscribe import LANGUAGES
from tests.api.conftest import Client, World
from tests.api.unsubscribing import sent

PAGE = """query ($language: String!, $account: ID) {
  unsubscribePage(language: $language, accountId: $account) { asked done undone } }"""
READER = "reader@example.com"


async def page(asker: Client, language: str = "en", **more: Any) -> Any:
    return (await asker.ask(PAGE, language=language, **more))["unsubscribePage"]


async def branded(world: World) -> None:
    async with world.db.connection() as conn:
        await conn.execute(
            "update account set brand_color = '#b45309', privacy_url = 'https://acme.test/privacy' where slug = 'acme.test'"
        )


async def test_it_is_the_page_that_recipients_get(world: World) -> None:
    await branded(world)
    shop = world.client("shop.localhost", key="shop.test")
    link = await sent(world, "shop.test", READER)
    for language in LANGUAGES:
        link.ticket = replace(link.ticket, language=language)
        seen = await page(shop, language)
        served = {
            "asked": (await link.get()).text,
            "done": (await link.post("act=unsubscribe")).text,
            "undone": (await link.post("act=undo")).text,
        }
        assert "Acme Mail" in served["asked"] and "#b45309" in served["asked"]
        for stage, document in seen.items():
            # The two differences: the button does nothing, and the privacy policy does not open in the frame.
            acting = document.replace(' type="button" disabled', "").replace(' target="_blank"', "")
            assert acting == served[stage], (language, stage)
    assert len(await link.listed()) == 0


async def test_its_buttons_do_nothing_and_looking_changes_nothing(world: World) -> None:
    seen = await page(world.client("shop.localhost", key="shop.test"))
    assert seen["asked"].count("<button") == seen["asked"].count(' type="button" disabled>') == 1
    assert seen["done"].count("<button") == seen["done"].count(' type="button" disabled>') == 1
    assert "<button" not in seen["undone"]
    assert "<script" not in "".join(seen.values())
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from suppression") == 0
        assert await conn.fetchval("select count(*) from event where kind = 'unsubscribed'") == 0


async def test_it_has_the_face_of_the_account_that_is_asked_about_and_of_nobody_else(world: World) -> None:
    await branded(world)
    async with world.db.connection() as conn:
        await conn.execute("update account set privacy_url = 'https://shop.test/p' where slug = 'shop.test'")
    shop = str(world.accounts["shop.test"])
    acme, rival = world.client("acme.localhost", key="acme.test"), world.client("rival.localhost", key="rival.test")
    assert "https://acme.test/privacy" in (await page(acme))["asked"]
    assert "https://shop.test/p" in (await page(acme, account=shop))["asked"]
    own = await page(rival)
    assert "Rival Post" in own["asked"]
    assert not any(word in str(own) for word in ("Acme", "acme.test", "shop.test", "#b45309", "Livery"))
    assert [error["extensions"]["code"] for error in await rival.errors(PAGE, language="en", account=shop)] == [
        "MISSING"
    ]


@pytest.mark.parametrize("language", ["nl", "", "EN", "x" * 500])
async def test_a_language_that_is_none_of_ours_is_refused_by_its_field(world: World, language: str) -> None:
    shop = world.client("shop.localhost", key="shop.test")
    [error] = await shop.errors(PAGE, language=language)
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("INVALID", ["language"])
    assert WORDS["fr"].button in (await page(shop, "fr"))["asked"]
