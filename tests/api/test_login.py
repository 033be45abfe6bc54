"""Who gets in, where, and what does a refused one learn?"""

from tests.api.conftest import ME, World


async def test_a_member_signs_in_and_is_somebody(world: World) -> None:
    browser = world.client()
    assert (await browser.ask(ME))["me"] is None
    signed = await browser.login("user@shop.test")
    assert signed["me"] == {"account": {"slug": "shop.test"}, "member": {"email": "user@shop.test"}}
    assert (await browser.ask(ME))["me"]["account"]["slug"] == "shop.test"
