"""Does a mailbox get no more letters because its address can be spelt in other ways, and is it one person in all of them?"""

import pytest

from tenants.throttle import POURED
from tests.api.conftest import World
from tests.api.people import ASK_RESET, INVITE, REVOKE, mails, member
from tests.api.test_sign_up import asks, settings

SPELT = (
    "vic@flood2.test",
    "vic@\uff46\uff4c\uff4f\uff4f\uff44\uff12.test",
    "vic@flood2\u3002test",
    '"Vic"@flood2.test',
)


async def test_invitations_to_a_mailbox_are_counted_however_it_is_spelt(world: World) -> None:
    askers = [world.client(key=f"admin@{slug}") for slug in ("acme.test", "shop.test", "bar.test", "rival.test")]
    answers = []
    for n in range(POURED + 5):
        answer = (await askers[n % 4].ask(INVITE, email=SPELT[n // 4 % 4], role="SENDER"))["inviteMember"]
        answers.append(answer.get("email") or answer["code"])
        if answer["__typename"] == "Invitation":
            await askers[n % 4].ask(REVOKE, id=answer["id"])
    assert answers == ["vic@flood2.test"] * POURED + ["THROTTLED"] * 5
    assert len(await mails(world, "vic@flood2.test")) == POURED
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from recipient") == POURED


async def test_an_open_invitation_and_a_member_are_found_however_they_are_spelt(world: World) -> None:
    owner = world.client("shop.localhost")
    await owner.login("user@shop.test")
    assert (await owner.ask(INVITE, email=SPELT[1], role="SENDER"))["inviteMember"]["email"] == SPELT[0]
    assert (await owner.ask(INVITE, email=SPELT[3], role="SENDER"))["inviteMember"]["code"] == "INVITED"
    await member(world, owner, "ann@new.test", "SENDER")
    assert (await owner.ask(INVITE, email='"ann"@new\u3002test', role="SENDER"))["inviteMember"]["code"] == "TAKEN"


@pytest.mark.parametrize("email", ['"vic c"@flood2.test', "vic@[192.0.2.1]", "vic@flood2.test."])
async def test_an_address_of_many_spellings_is_refused_by_its_field(world: World, email: str) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    refused = (await world.client(key="admin@acme.test").ask(INVITE, email=email, role="SENDER"))["inviteMember"]
    assert (refused["code"], refused["field"]) == ("INVALID", ["email"])
    stranger = await asks(world, email=email)
    assert (stranger["code"], stranger["field"]) == ("INVALID", ["email"])
    await world.platform.notices.close()
    async with world.db.connection() as conn:
        assert await conn.fetchval("select count(*) from recipient") == 0


async def test_signing_up_writes_to_a_mailbox_three_times_an_hour_however_it_is_spelt(world: World) -> None:
    await settings(world, "acme.test", signUpOpen=True)
    for spelt in SPELT:
        assert await asks(world, email=spelt) == {"__typename": "SignUpBegun", "email": "vic@flood2.test"}
    assert len(await mails(world, "vic@flood2.test")) == 3


async def test_a_link_for_a_new_password_goes_to_the_member_however_spelt_three_times_an_hour(world: World) -> None:
    browser = world.client("shop.localhost")
    for spelt in ("user@shop.test", '"user"@shop.test', "user@shop\u3002test", "User@\uff53hop.test"):
        assert (await browser.ask(ASK_RESET, email=spelt))["requestPasswordReset"]["__typename"] == "ResetRequested"
        await world.platform.notices.close()
    assert len(await mails(world, "user@shop.test")) == 3
