"""In which language is somebody asked whether they want copies? In the account's, else as their browser asks; T-TR7."""

from html import escape
from uuid import UUID

import pytest

from api.copies import page as offered_page
from mail.copy_rules import Offer
from mail.copy_words import WORDS
from mail.unsubscribes import Sender
from mail.wire.unsubscribe import LANGUAGES
from tests.api.conftest import World
from tests.api.people import link, mails
from tests.api.test_copies import DELETE, asked, path

BOSS = "boss@copies.test"


async def tag(world: World, number: int, language: str, account: str = "shop.test") -> UUID:
    """Let an account have an unsubscribe tag, and with it a language."""
    async with world.db.connection() as conn:
        found: UUID = await conn.fetchval(
            """insert into unsubscribe_tag (id, account_id, number, text, language)
               values (gen_random_uuid(), $1, $2, 'x', $3) returning id""",
            world.accounts[account],
            number,
            language,
        )
        return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_mail_and_page_speak_the_accounts_language(world: World, language: str) -> None:
    await tag(world, 1, language)
    await tag(world, 1, "fr" if language == "de" else "de", "rival.test")
    words = WORDS[language]
    await asked(world, world.client(key="admin@shop.test"), BOSS)
    [mail] = await mails(world, BOSS)
    who = words.who.format(account="Shop")
    assert mail["subject"] == words.subject.format(who=who)
    what = words.what(None, None)
    [head, tail] = words.mail.format(who=who, what=what, link="\0", brand="Acme Mail").split("\0")
    text = mail.get_content().replace("\r\n", "\n")
    assert text.startswith(head) and text.endswith(tail)
    assert text.removeprefix(head).removesuffix(tail) == await link(world, BOSS)

    url = await path(world, BOSS)
    reader = world.client("shop.localhost")
    foreign = {"accept-language": "it" if language == "en" else "en"}
    answer = await reader.http.get(url, headers=foreign)
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}" dir="{"rtl" if language == "he" else "ltr"}">' in answer.text
    assert escape(words.asked_title) in answer.text and escape(words.button) in answer.text
    answer = await reader.http.post(url, headers=foreign)
    assert escape(words.agreed_title) in answer.text and "<button" not in answer.text


async def test_without_a_language_of_its_own_the_mail_is_english_and_the_page_as_the_browser_asks(world: World) -> None:
    shop = world.client(key="admin@shop.test")
    made = await asked(world, shop, BOSS)
    [mail] = await mails(world, BOSS)
    assert mail["subject"] == "Shop would like to send you copies of mail"
    url, reader = await path(world, BOSS), world.client("shop.localhost")
    for wanted, language in (("he-IL, en;q=0.5", "he"), ("pt-BR", "pt"), ("nl", "en"), ("", "en")):
        answer = await reader.http.get(url, headers={"accept-language": wanted})
        assert (answer.status_code, answer.headers["content-language"]) == (200, language)
        assert escape(WORDS[language].asked_title) in answer.text
    await shop.ask(DELETE, id=made["id"])
    for wanted, language in (("es", "es"), ("he", "he")):
        answer = await reader.http.get(url, headers={"accept-language": wanted})
        assert (answer.status_code, answer.headers["content-language"]) == (404, language)
        assert WORDS[language].gone_title in answer.text


async def test_the_tag_that_is_chosen_speaks_before_the_first(world: World) -> None:
    await tag(world, 1, "de")
    chosen = await tag(world, 2, "ru")
    async with world.db.connection() as conn:
        await conn.execute(
            "insert into treatment (id, account_id, unsubscribe_tag_id) values (gen_random_uuid(), $1, $2)",
            world.accounts["shop.test"],
            chosen,
        )
    await asked(world, world.client(key="admin@shop.test"), BOSS)
    [mail] = await mails(world, BOSS)
    assert mail["subject"] == "Отправитель Shop хочет присылать вам копии писем"


async def test_the_page_has_the_face_of_who_asks(world: World) -> None:
    async with world.db.connection() as conn:
        await conn.execute(
            "update account set brand_color = '#b45309', privacy_url = 'https://acme.test/privacy' where slug = 'acme.test'"
        )
    await asked(world, world.client(key="admin@shop.test"), BOSS)
    page = (await world.client("shop.localhost").http.get(await path(world, BOSS))).text
    for held in ("Acme Mail", "#b45309", 'href="https://acme.test/privacy"', "Shop", BOSS):
        assert held in page
    for strange in ("livery", "<script", "src=", "url("):
        assert strange not in page.lower()


async def test_a_name_that_reads_as_a_link_is_not_put_into_the_mail(world: World) -> None:
    async with world.db.connection() as conn:
        await conn.execute("update account set name = 'Win at evil.test' where slug = 'shop.test'")
    await asked(world, world.client(key="admin@shop.test"), BOSS)
    [mail] = await mails(world, BOSS)
    assert mail["subject"] == "A sender at Acme Mail would like to send you copies of mail"
    assert "evil" not in mail.as_string()
    # The twin: the page, which links nothing, says who it is.
    assert "Win at evil.test" in (await world.client("shop.localhost").http.get(await path(world, BOSS))).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("agreed", [False, True])
@pytest.mark.parametrize("sender", [None, "{tag}<a>@shop.test"])
@pytest.mark.parametrize("tag", [None, "<b>{sender}"])
def test_every_language_says_everything(language: str, agreed: bool, sender: str | None, tag: str | None) -> None:
    offer = Offer("<i>{address}", Sender("<Acme>", None, "javascript:alert(1)"), BOSS, sender, tag, agreed, None)
    page = offered_page(offer, language).body.decode()
    body = page[page.index("<body>") :]
    for put in (offer.account_name, BOSS, sender, tag, "<Acme>"):
        assert put is None or body.count(escape(put)) == 1
    assert "javascript:" not in body
    for put in (offer.account_name, sender or "", tag or ""):
        body = body.replace(escape(put), "") if put else body
    assert "{" not in body
    own = WORDS[language]
    assert all(getattr(own, name) for name in own.__slots__ if name != "what")
    # {account} and {tag} are what customers typed; nothing but these and what we fill in is left open.
    names = {
        "who": "W",
        "what": "T",
        "link": "L",
        "brand": "B",
        "account": "A",
        "address": "D",
        "sender": "S",
        "tag": "G",
    }
    assert not any(set("{}") & set(getattr(own, name).format(**names)) for name in own.__slots__)
    for other in LANGUAGES:
        assert other == language or (WORDS[other].mail != own.mail and WORDS[other].asked != own.asked)
