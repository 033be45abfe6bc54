"""Which senders and which parameters does MAIL take? RFC 5321 §4.1.1.2 with the extensions that EHLO announces."""

import pytest

from tests.smtpd.client import MESSAGE
from tests.smtpd.conftest import Server

SENDERS = [
    ("FROM:<user@shop.test>", "250 2.1.0"),
    ("from:<user@shop.test>", "250 2.1.0"),
    ("FROM: <user@shop.test>", "250 2.1.0"),
    ("FROM:<>", "250 2.1.0"),
    ('FROM:<"a b\\"c"@shop.test>', "250 2.1.0"),
    ("FROM:<user@[192.0.2.1]>", "250 2.1.0"),
    ("FROM:<user@shop.test> SIZE=1000 BODY=8BITMIME", "250 2.1.0"),
    ("FROM:<user@shop.test> size=0 body=7bit ret=hdrs envid=Ab+2B auth=<>", "250 2.1.0"),
    ("FROM:<usér@shop.test> SMTPUTF8", "250 2.1.0"),
    ("FROM:<user@bücher.test> SMTPUTF8", "250 2.1.0"),
    ("FROM:<user@shop.test> SIZE=41943040", "250 2.1.0"),
    ("FROM:<user@shop.test> SIZE=41943041", "552 5.3.4"),
    ("FROM:<user@shop.test> SIZE=99999999999999999999", "552 5.3.4"),
    ("FROM:<user@shop.test> SIZE=999999999999999999999", "501 5.5.4"),
    ("FROM:<user@shop.test> SIZE=²", "501 5.5.4"),
    ("FROM:<user@shop.test> SIZE=-1", "501 5.5.4"),
    ("FROM:<user@shop.test> SIZE=", "501 5.5.4"),
    ("FROM:<user@shop.test> SIZE", "501 5.5.4"),
    ("FROM:<user@shop.test> SIZE=1 SIZE=1", "501 5.5.4"),
    ("FROM:<user@shop.test> BODY=BINARYMIME", "501 5.5.4"),
    ("FROM:<user@shop.test> SMTPUTF8=yes", "501 5.5.4"),
    ("FROM:<user@shop.test> RET=ALL", "501 5.5.4"),
    ("FROM:<user@shop.test> ENVID=a+2", "501 5.5.4"),
    ("FROM:<user@shop.test> ENVID=" + "x" * 101, "501 5.5.4"),
    ("FROM:<user@shop.test> X=Y=Z", "501 5.5.4"),
    ("FROM:<user@shop.test> HOLDFOR=60", "555 5.5.4"),
    ("FROM:<user@shop.test>SIZE=1", "553 5.1.7"),
    ("FROM:user@shop.test", "553 5.1.7"),
    ("FROM:<user>", "553 5.1.7"),
    ("FROM:<a b@shop.test>", "553 5.1.7"),
    ("FROM:<@relay.test:user@shop.test>", "553 5.1.7"),
    ("FROM:<user@shop.test", "553 5.1.7"),
    ("FROM:<usér@shop.test>", "553 5.6.7"),
    ("FROM:<user@bücher.test>", "553 5.6.7"),
    ("FROM <user@shop.test>", "501 5.5.4"),
    ("TO:<user@shop.test>", "501 5.5.4"),
    ("", "501 5.5.4"),
]


async def test_a_sender_is_taken_or_refused_and_the_session_goes_on(server: Server) -> None:
    async with await server.member() as client:
        for argument, status in SENDERS:
            assert (await client.say(f"MAIL {argument}")).status == status, argument
            assert (await client.say("RSET")).status == "250 2.0.0"
        assert await server.stored() == (0, 0)
        await client.start()
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1)


async def test_a_second_mail_within_a_message_is_refused(server: Server) -> None:
    async with await server.member() as client:
        await client.start()
        assert (await client.say("MAIL FROM:<other@shop.test>")).status == "503 5.5.1"
        assert (await client.data(MESSAGE)).code == 250
        assert await server.conn.fetchval("select envelope_from from message") == "user@shop.test"


@pytest.mark.parametrize("command", ["RSET", "EHLO client.test", "HELO client.test"])
async def test_a_message_is_forgotten_by(server: Server, command: str) -> None:
    async with await server.member() as client:
        await client.start()
        assert (await client.say(command)).code == 250
        assert (await client.say("DATA")).status == "503 5.5.1"
        assert await server.stored() == (0, 0)


async def test_parameters_reach_the_message_as_they_were_given(server: Server) -> None:
    async with await server.member() as client:
        mail = "MAIL FROM:<usér@shop.test> BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=Qq+2B9.aBc"
        assert (await client.say(mail)).code == 250
        assert (await client.say("RCPT TO:<a@remote.test>")).code == 250
        assert (await client.data(MESSAGE)).code == 250
    row = await server.conn.fetchrow("select envelope_from, smtputf8, dsn_ret, dsn_envid from message")
    assert tuple(row) == ("usér@shop.test", True, "HDRS", "Qq+2B9.aBc")
