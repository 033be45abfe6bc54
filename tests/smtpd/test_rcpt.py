"""Which recipients does RCPT take, how many, and what of their DSN wishes? RFC 5321 §4.1.1.3, RFC 3461 §4."""

from tests.smtpd.client import MESSAGE
from tests.smtpd.conftest import Server

RECIPIENTS = [
    ("TO:<a@remote.test>", "250 2.1.5"),
    ("to: <a@remote.test>", "250 2.1.5"),
    ("TO:<A.b+c@REMOTE.test>", "250 2.1.5"),
    ("TO:<a%b@remote.test>", "250 2.1.5"),
    ("TO:<a@remote.test> NOTIFY=NEVER", "250 2.1.5"),
    ("TO:<a@remote.test> NOTIFY=success,Failure,DELAY ORCPT=rfc822;A+2Bb@Remote.test", "250 2.1.5"),
    ("TO:<a@remote.test> NOTIFY=NEVER,SUCCESS", "501 5.5.4"),
    ("TO:<a@remote.test> NOTIFY=SUCCESS,SUCCESS", "501 5.5.4"),
    ("TO:<a@remote.test> NOTIFY=", "501 5.5.4"),
    ("TO:<a@remote.test> NOTIFY", "501 5.5.4"),
    ("TO:<a@remote.test> ORCPT=a@remote.test", "501 5.5.4"),
    ("TO:<a@remote.test> ORCPT=rfc822;a+2@remote.test", "501 5.5.4"),
    ("TO:<a@remote.test> ORCPT=utf-8;ü@remote.test", "501 5.5.4"),
    ("TO:<a@remote.test> SIZE=1", "555 5.5.4"),
    ("TO:<>", "553 5.1.3"),
    ("TO:<postmaster>", "553 5.1.3"),
    ("TO:a@remote.test", "553 5.1.3"),
    ("TO:<@relay.test:a@remote.test>", "553 5.1.3"),
    ("TO:<a@remote..test>", "553 5.1.3"),
    ("TO:<ü@remote.test>", "553 5.6.7"),
    ("FROM:<a@remote.test>", "501 5.5.4"),
    ("", "501 5.5.4"),
]


async def test_a_recipient_is_taken_or_refused_and_the_message_goes_to_those_taken(server: Server) -> None:
    messages = spent = 0
    async with await server.member() as client:
        for argument, status in RECIPIENTS:
            await client.start()
            assert (await client.say(f"RCPT {argument}")).status == status, argument
            assert (await client.data(MESSAGE)).code == 250
            messages += 1
            spent += 2 if status.startswith("250") else 1
            assert await server.stored() == (messages, spent), argument


async def test_wishes_reach_the_recipient_as_they_were_given(server: Server) -> None:
    async with await server.member() as client:
        assert (await client.say("MAIL FROM:<user@shop.test> SMTPUTF8")).code == 250
        rcpt = "RCPT TO:<Ärger@Bücher.test> NOTIFY=Delay,FAILURE ORCPT=utf-8;Ärger@Bücher.test"
        assert (await client.say(rcpt)).code == 250
        assert (await client.data(MESSAGE)).code == 250
    row = await server.conn.fetchrow("select address, domain, notify, orcpt from recipient")
    assert tuple(row) == (
        "Ärger@xn--bcher-kva.test",
        "xn--bcher-kva.test",
        "DELAY,FAILURE",
        "utf-8;Ärger@Bücher.test",
    )


async def test_the_1001st_recipient_is_put_off_and_the_first_1000_are_taken(server: Server) -> None:
    async with await server.member() as client:
        await client.send(
            b"MAIL FROM:<user@shop.test>\r\n" + b"".join(b"RCPT TO:<r%d@remote.test>\r\n" % n for n in range(1_005))
        )
        codes = [await client.reply() for _ in range(1_006)]
        assert [reply.code for reply in codes[:1_001]] == [250] * 1_001
        assert {reply.status for reply in codes[1_001:]} == {"452 4.5.3"}
        assert (await client.data(MESSAGE)).code == 250
    assert await server.stored() == (1, 1_000)
    assert await server.conn.fetchval("select count(distinct address) from recipient") == 1_000


async def test_without_a_recipient_there_is_no_data(server: Server) -> None:
    async with await server.member() as client:
        assert (await client.say("MAIL FROM:<user@shop.test>")).code == 250
        assert (await client.say("DATA")).status == "554 5.5.1"
        assert (await client.say("RCPT TO:<a@remote.test>")).code == 250
        assert (await client.data(MESSAGE)).code == 250
