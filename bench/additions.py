"""What do additions cost a message? `python -m bench.additions`: CPU for footer, links, pixel, unsubscribe fields and signature.

A message of 4 KB (text and HTML, six links) and a newsletter of 60 KB with 60 links, each read once and written for one recipient;
beside it the same message only signed, and only the part that is repeated for every further recipient.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from kit.crypto import Keyring
from mail.tracking import Tracker
from mail.unsubscribes import Offer
from mail.wire import dkim, message
from mail.wire.additions import Additions, Piece, opened
from mail.wire.tracked import Whose

_PROMISED = {"4 KB": 1.5, "60 KB": 5.0}


@dataclass(frozen=True)
class Cost:
    """Milliseconds of CPU a message."""

    size: int
    links: int
    signed: float
    """Finished and signed, nothing added."""
    all: float
    """Read, added to, finished and signed."""
    further: float
    """The same for every further recipient."""


def _cpu(work: Callable[[], object], *, rounds: int = 5, times: int = 40) -> float:
    """The best of several rounds, in milliseconds a time: noise only ever adds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - began) / times)
    return best * 1000


def newsletter(size: int, links: int) -> bytes:
    """A multipart/alternative of about that size, its HTML in tables and quoted-printable as such mail is."""
    cell = (
        '<tr><td style=3D"padding:12px;font-family:Arial,sans-serif" align=3D"left"><a href=3D"https://shop.test/p=\r\n'
        'roducts/item-{n}?utm_source=3Dnews&amp;utm_medium=3Demail&amp;utm_campaign=3Dspring"><img src=3D"https:=\r\n'
        '//shop.test/i/{n}.jpg" width=3D"280" alt=3D"Item {n}"></a><p>Gr=C3=B6=C3=9Fe {n}: <b>only today</b></p></td></tr>\r\n'
    )
    filler = (
        '<tr><td><p style=3D"margin:0"><span>Words of a shop to its friends, again and again.</span></p></td></tr>\r\n'
    )
    rows = "".join(cell.replace("{n}", str(n)) for n in range(links))
    text = "".join(f"Item {n}: https://shop.test/products/item-{n}\r\n" for n in range(min(links, 10)))
    head = (
        "From: Shop <news@shop.test>\r\nTo: reader@far.test\r\nSubject: News\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
        "Message-ID: <1@shop.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n<html><head><style>p{}</style></head><body><table>\r\n"
    )
    tail = "</table></body></html>\r\n--b--\r\n"
    missing = max(0, size - len(head) - len(rows) - len(tail))
    return f"{head}{rows}{filler * (missing // len(filler))}{tail}".encode()


def measure(size: int, links: int) -> Cost:
    """Cost of one message."""
    keys = Keyring(b"b" * 32)
    private, _ = dkim.make_key(2048)
    plan = message.Finishing(
        "from a by b", datetime(2026, 11, 23, tzinfo=UTC), "1@mx.test", (dkim.SigningKey("shop.test", "s", private),)
    )
    account, recipient = UUID(int=1), UUID(int=2)
    footer = Piece(
        '<p>Shop Ltd, <a href="https://shop.test/imprint">imprint</a> <% unsubscribe %></p>',
        "Shop Ltd\n<% unsubscribe %>\n",
    )
    content = newsletter(size, links)

    def additions() -> Additions:
        tracker = Tracker(keys, "https://click.shop.test", Whose(account, recipient, date(2026, 11, 23)))
        offer = Offer(keys, "https://click.shop.test", "mx.test", account, recipient, "reader@far.test")
        return Additions(None, footer, tracker.link, False, tracker.pixel(), offer.words, offer.fields())

    read = opened(content)
    made = read.add(additions())
    assert made.note is None  # noqa: S101 - a measurement of nothing is worth nothing
    return Cost(
        size=len(content),
        links=made.content.count(b"/t/"),
        signed=_cpu(lambda: message.finish(content, plan)),
        all=_cpu(lambda: message.finish(opened(content).add(additions()).content, plan)),
        further=_cpu(lambda: message.finish(read.add(additions()).content, plan)),
    )


def main() -> None:
    """Print what it costs, and what was promised."""
    for name, size, links in (("4 KB", 4_000, 6), ("60 KB", 60_000, 60)):
        cost = measure(size, links)
        print(
            f"{name:>6} ({cost.size:,} bytes, {cost.links} links): additions and signature {cost.all:.2f} ms of CPU"
            f" (promised: {_PROMISED[name]} ms); signature alone {cost.signed:.2f}; every further recipient {cost.further:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
