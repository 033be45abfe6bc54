"""Do the simulator's people act on the mail they got: on the platform, from outside, and on nothing else?"""

import asyncio
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mail.transports.audience import Audience, Letter, bounce, complaint, late
from mail.verdict.returned import fates
from mail.wire.returned import Kind
from tests.support.sink import Sink

PATH = "b" + "a" * 40 + "@mx.neutral.test"
HTML = (
    b"From: user@shop.test\r\nSubject: Hello\r\nList-Unsubscribe: <https://click.shop.test/u/ticket>,\r\n <mailto:u@x.test>\r\n"
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhttp://elsewhere.test/\r\n"
    b"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<a href=3D"http://169.254.169.254/latest">x</a> <a href=3D"https://click.shop.test/t/first?x=3D1">one</a>\r\n'
    b'<a href=3D"https://click.shop.test/t/second">two</a><img src=3D"https://click.shop.test/t/pix=\r\nel.gif">\r\n--b--\r\n'
)


@dataclass
class Web:
    """What was asked of the platform."""

    url: str
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    news: threading.Event = field(default_factory=threading.Event)

    async def hears(self, count: int) -> list[tuple[str, str, bytes]]:
        async with asyncio.timeout(10):
            while len(self.asked) < count:
                await asyncio.to_thread(self.news.wait, 1)
                self.news.clear()
        return self.asked


@pytest.fixture
def web() -> Iterator[Web]:
    told = Web("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            assert "Firefox" in self.headers["user-agent"]
            self.send_response(204)
            self.end_headers()
            told.asked.append((self.command, self.path, body))
            told.news.set()

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def letter(name: str) -> Letter:
    return Letter(f"{name}@simulator.livery.test", PATH, HTML)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("opened", [("GET", "/t/pixel.gif", b"")]),
        ("Clicked+today", [("GET", "/t/pixel.gif", b""), ("GET", "/t/first", b"")]),
        ("unsubscribed", [("POST", "/u/ticket", b"List-Unsubscribe=One-Click")]),
    ],
)
async def test_links_are_followed_on_the_platform_whatever_host_they_name(
    web: Web, name: str, asked: list[tuple[str, str, bytes]]
) -> None:
    audience = Audience(web.url, mx_port=9, mail_domain="mx.neutral.test", wait=0.01)
    audience.receives(letter(name))
    assert await web.hears(len(asked)) == asked
    await audience.close()


async def test_whoever_got_nothing_to_press_does_nothing(web: Web) -> None:
    audience = Audience(web.url, mx_port=9, mail_domain="mx.neutral.test", wait=0.01)
    plain = b"Subject: Hello\r\n\r\nhttp://169.254.169.254/t\r\n"
    for name in ("opened", "clicked", "unsubscribed"):
        audience.receives(Letter(f"{name}@simulator.livery.test", PATH, plain))
    audience.receives(letter("delivered"))
    audience.receives(letter("opened"))
    assert await web.hears(1) == [("GET", "/t/pixel.gif", b"")]
    await audience.close()


@pytest.mark.parametrize(
    ("name", "to", "kind", "outcome"),
    [
        ("complained", "feedback@mx.neutral.test", Kind.COMPLAINT, "complaint"),
        ("bounced+late", PATH, Kind.BOUNCE, "hard"),
        ("bounced+late-full", PATH, Kind.BOUNCE, "soft"),
        ("Bounced+Late-Full+again", PATH, Kind.BOUNCE, "soft"),
        ("bounced+late-prose", PATH, Kind.BOUNCE, "hard"),
    ],
)
async def test_reports_come_to_the_port_for_returned_mail(name: str, to: str, kind: Kind, outcome: str) -> None:
    sink = Sink()
    await sink.start(0)
    audience = Audience("http://127.0.0.1:9", mx_port=sink.port, mail_domain="mx.neutral.test", wait=0.01)
    # Nobody answers a notification.
    audience.receives(Letter(f"{name}@simulator.livery.test", "", HTML))
    audience.receives(letter(name))
    [mail] = await sink.receives(1)
    await audience.close()
    await sink.stop()
    assert (mail.sender, mail.recipients) == ("", (to,))
    told, [fate] = fates(mail.content)
    assert (told, fate.outcome) == (kind, outcome)
    assert PATH.encode() in mail.content


def test_reports_are_written_as_others_write_them() -> None:
    date = "Mon, 23 Nov 2026 10:00:00 +0100"
    one = letter("bounced+late")
    assert fates(bounce(one, "late", date))[1][0].recipient == one.address
    assert b"simulator.livery.test" not in complaint(letter("complained"), date)
    assert [late(detail) for detail in ("late", "late-full", "late-prose", "late+3", "late-prose+a+b")] == [True] * 5
    assert [late(detail) for detail in ("later", "", "other+late", "+late")] == [False] * 4
