"""What does the door say before anybody asks for anything? Greeting, EHLO, help, and errors that help."""

import asyncio
import smtplib

import pytest

from tests.smtpd.client import MESSAGE, Client, trusting
from tests.smtpd.conftest import DOMAIN, Server


async def test_the_greeting_names_the_mail_domain_and_no_software(server: Server) -> None:
    async with await Client.connect(server.starttls) as client:
        assert client.greeting.lines == (f"220 {DOMAIN} ESMTP",)


async def test_ehlo_in_clear_offers_tls_and_no_login(server: Server) -> None:
    async with await Client.connect(server.starttls) as client:
        assert (await client.say("ehlo client.test")).lines == (
            f"250-{DOMAIN}",
            "250-PIPELINING",
            "250-SIZE 41943040",
            "250-8BITMIME",
            "250-SMTPUTF8",
            "250-ENHANCEDSTATUSCODES",
            "250-DSN",
            "250-STARTTLS",
            "250 HELP",
        )


@pytest.mark.parametrize("way", ["starttls", "implicit"])
async def test_ehlo_under_tls_offers_login_and_no_second_tls(server: Server, way: str) -> None:
    async with await server.client(way) as client:
        lines = (await client.say("EHLO client.test")).lines
        assert "250-AUTH PLAIN LOGIN" in lines
        assert "250-STARTTLS" not in lines


COMMANDS: list[tuple[str | bytes, str]] = [
    ("HELO client.test", "250 mx.neutral.test"),
    ("NOOP", "250 2.0.0"),
    ("NOOP whatever", "250 2.0.0"),
    ("RSET", "250 2.0.0"),
    ("RSET now", "501 5.5.4"),
    ("HELP", "214 2.0.0"),
    ("HELP MAIL", "214 2.0.0"),
    ("VRFY user@shop.test", "252 2.5.0"),
    ("VRFY nobody@shop.test", "252 2.5.0"),
    ("VRFY", "501 5.5.4"),
    ("EXPN staff", "502 5.5.1"),
    ("EHLO", "501 5.5.4"),
    ("EHLO " + "a" * 256, "501 5.5.4"),
    (b"EHLO a\x0bb", "501 5.5.2"),
    (b"EHLO a\x00b", "501 5.5.2"),
    (b"EHLO a\rb", "501 5.5.2"),
    (b"EHLO \xff\xfe", "501 5.5.2"),
    ("XCLIENT ADDR=10.0.0.1", "500 5.5.1"),
    ("BDAT 10", "500 5.5.1"),
    ("", "500 5.5.1"),
    ("NOOP " + "x" * 600, "500 5.5.2"),
    ("MAIL FROM:<a@b.test>", "530 5.7.0"),
    ("RCPT TO:<a@b.test>", "503 5.5.1"),
    ("DATA", "503 5.5.1"),
    ("QUIT now", "501 5.5.4"),
]


async def test_a_command_gets_its_reply_and_the_session_goes_on(server: Server) -> None:
    for line, status in COMMANDS:
        async with await server.client("clear") as client:
            assert (await client.say(line)).status == status, line
            assert (await client.say("NOOP")).status == "250 2.0.0", line


async def test_commands_before_ehlo_are_told_to_greet(server: Server) -> None:
    async with await Client.connect(server.starttls) as client:
        assert (await client.say("MAIL FROM:<a@b.test>")).status == "503 5.5.1"
        assert (await client.say("AUTH PLAIN")).status == "503 5.5.1"


async def test_quit_says_goodbye_and_hangs_up(server: Server) -> None:
    async with await server.client("clear") as client:
        assert (await client.say("QUIT")).status == "221 2.0.0"
        assert await client.ended()


async def test_a_browser_is_sent_away_at_its_first_line(server: Server) -> None:
    async with await Client.connect(server.starttls) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO a\r\nMAIL FROM:<a@b.test>\r\n")
        assert (await client.reply()).status == "500 5.5.2"
        assert await client.ended()


async def test_pipelined_commands_are_answered_together_and_in_order(server: Server) -> None:
    async with await server.member() as client:
        await client.send(
            b"MAIL FROM:<user@shop.test>\r\nRCPT TO:<a@remote.test>\r\nRCPT TO:<bad\r\nRCPT TO:<b@remote.test>\r\nDATA\r\n"
        )
        assert [(await client.reply()).code for _ in range(5)] == [250, 250, 553, 250, 354]
        await client.send(MESSAGE + b".\r\nNOOP\r\nQUIT\r\n")
        assert [(await client.reply()).code for _ in range(3)] == [250, 250, 221]
        assert await server.stored() == (1, 2)


async def test_replies_to_pipelined_commands_leave_in_one_write(server: Server) -> None:
    async with await server.client("clear") as client:
        await client.send(b"NOOP\r\n" * 20)
        assert (await asyncio.wait_for(client.reader.read(65536), 10)) == b"250 2.0.0 Ok\r\n" * 20


async def test_a_client_that_only_stops_sending_gets_its_replies(server: Server) -> None:
    async with await server.client("clear") as client:
        await client.send(b"NOOP\r\nVRFY x\r\n")
        client.writer.write_eof()
        assert [(await client.reply()).code for _ in range(2)] == [250, 252]
        assert await client.ended()


async def test_a_fault_of_ours_is_451_without_a_word_about_it_and_the_session_goes_on(server: Server) -> None:
    async with await server.client() as client:
        await server.conn.execute("alter table credential rename to away")
        assert (await client.login(server.user, server.password)).lines == (
            "454 4.7.0 Logins cannot be checked just now: try again in a few minutes",
        )
        assert (await client.say("MAIL FROM:<user@shop.test>")).lines == (
            "451 4.3.0 Something went wrong here: nothing was taken, try again in a few minutes",
        )
        await server.conn.execute("alter table away rename to credential")
        assert (await client.login(server.user, server.password)).code == 235


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_stock_mail_library_needs_nothing_special(server: Server, implicit: bool) -> None:
    def send() -> None:
        client = (
            smtplib.SMTP_SSL("127.0.0.1", server.implicit, context=trusting(), timeout=10)
            if implicit
            else smtplib.SMTP("127.0.0.1", server.starttls, timeout=10)
        )
        with client:
            if not implicit:
                client.starttls(context=trusting())
            client.login(server.user, server.password)
            client.sendmail(
                "user@shop.test", ["a@remote.test", "b@remote.test"], MESSAGE, ["BODY=8BITMIME", "RET=FULL"]
            )

    await asyncio.to_thread(send)
    assert await server.contents() == [MESSAGE]
    assert await server.stored() == (1, 2)
