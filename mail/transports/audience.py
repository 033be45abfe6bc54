"""What do the simulator's people do with the mail they got? They act from outside: over HTTP, and by mail to port 25.

    opened@         asks for the pixel
    clicked@        asks for the pixel, then follows the first link
    unsubscribed@   presses the mail program's button: POST to the address of List-Unsubscribe (RFC 8058)
    complained@     a feedback loop reports it (RFC 5965)
    bounced+late@   is accepted, and comes back later: by a report (RFC 3464)
    bounced+late-full@, bounced+late-prose@    the same for a full mailbox, and in sentences

`+anything` may follow each of these names, also after bounced+late.

They take as long as people and machines take, so that what they do counts as what it is. What they reach for is the
platform itself and nothing else: a link is followed on LIVERY_PUBLIC_URL whatever host it names, so that nobody gets this
process to ask for addresses inside somebody's network.
"""

import asyncio
import html
import re
import smtplib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import httpx
import structlog

from mail.wire import headers, parts

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_AT_ONCE = 8
_MOST = 1_000  # acts that wait; further mail gets none
_PATIENCE = 10.0
_TRACKED = re.compile(r"https?://[^\s\"'<>/]{1,255}(/t/[\w.~=%-]{1,2000})")
_BUTTON = re.compile(rb"<https?://[^\s<>/]{1,255}(/u/[\w./~=%?&-]{1,2000})>")
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as one of them got it."""

    address: str
    sender: str
    """The return path; empty for a notification, which nobody answers."""
    content: bytes


class Audience:
    """The simulator's people of one process. What they were about to do is forgotten when it ends."""

    def __init__(self, public_url: str, *, mx_port: int, mail_domain: str, wait: float = 2.5) -> None:
        """`wait`: seconds that they take; people are not faster (`mail.visitors`)."""
        self._url = public_url.rstrip("/")
        # This machine's own port 25, and where that is another machine's, what the domain names.
        self._ways = (("127.0.0.1", mx_port), (mail_domain, 25))
        self._domain = mail_domain
        self._wait = wait
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._acts: set[asyncio.Task[None]] = set()

    def receives(self, letter: Letter) -> None:
        """Somebody got a mail; from now on they act by themselves."""
        name, _, detail = letter.address.rpartition("@")[0].lower().partition("+")
        acts: dict[str, Callable[[Letter], Coroutine[Any, Any, None]]] = {
            "opened": self._open,
            "clicked": self._click,
            "unsubscribed": self._unsubscribe,
            "complained": self._complain,
            "bounced": lambda letter: self._return(letter, _manner(detail)),
        }
        if name in acts and len(self._acts) < _MOST:
            task = asyncio.create_task(self._act(acts[name], letter))
            self._acts.add(task)
            task.add_done_callback(self._acts.discard)

    async def close(self) -> None:
        """Everybody goes home."""
        for task in self._acts:
            task.cancel()
        await asyncio.gather(*self._acts, return_exceptions=True)

    async def _act(self, act: Callable[[Letter], Coroutine[Any, Any, None]], letter: Letter) -> None:
        await asyncio.sleep(self._wait)
        try:
            async with self._turn:
                await act(letter)
        # Nobody waits for what they do; that it failed stands in the log.
        except (OSError, smtplib.SMTPException, httpx.HTTPError) as fault:
            log.info("simulator.act_failed", address=letter.address, reason=f"{type(fault).__name__}: {fault}"[:200])

    # -- over HTTP

    async def _open(self, letter: Letter) -> None:
        for path in _paths(letter.content):
            if path.endswith(".gif"):
                await self._ask("GET", path)
                return

    async def _click(self, letter: Letter) -> None:
        await self._open(letter)
        await asyncio.sleep(self._wait)
        for path in _paths(letter.content):
            if not path.endswith(".gif"):
                await self._ask("GET", path)
                return

    async def _unsubscribe(self, letter: Letter) -> None:
        found = _BUTTON.search(headers.scan(letter.content).get("list-unsubscribe") or b"")
        if found is not None:
            await self._ask("POST", found[1].decode("ascii"), data={"List-Unsubscribe": "One-Click"})

    async def _ask(self, method: str, path: str, data: dict[str, str] | None = None) -> None:
        async with httpx.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
            await client.request(method, self._url + path, data=data, headers={"user-agent": _BROWSER})

    # -- by mail

    async def _complain(self, letter: Letter) -> None:
        await self._post(letter, f"feedback@{self._domain}", complaint(letter, formatdate()))

    async def _return(self, letter: Letter, manner: str) -> None:
        await self._post(letter, letter.sender, bounce(letter, manner, formatdate()))

    async def _post(self, letter: Letter, to: str, content: bytes) -> None:
        if letter.sender:
            await asyncio.to_thread(self._deliver, to, content)

    def _deliver(self, to: str, content: bytes) -> None:
        for host, port in self._ways:
            try:
                with smtplib.SMTP(host, port, local_hostname="mx.simulator.test", timeout=_PATIENCE) as session:
                    session.sendmail("", [to], content)
                return
            except ConnectionRefusedError:
                continue
        raise ConnectionRefusedError("nobody listens for returned mail")


def _manner(detail: str) -> str:
    """How the mail to bounced+detail@ comes back, whatever follows after a further plus."""
    return detail.partition("+")[0]


def late(detail: str) -> bool:
    """Whether bounced+detail@ is accepted first."""
    return _manner(detail) in ("late", "late-full", "late-prose")


def _paths(content: bytes) -> list[str]:
    """The tracked addresses of a mail, in order."""
    return [found[1] for _, text in parts.texts(content) for found in _TRACKED.finditer(html.unescape(text))]


def _head(content: bytes) -> bytes:
    head = headers.scan(content)
    return content[: head.end]


_COMPLAINT = """\
From: Feedback loop <feedbackloop@simulator.test>
To: undisclosed-recipients:;
Subject: Complaint about your mail
Date: {date}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="loop"

--loop
Content-Type: text/plain

This is an email abuse report for a message from {sender}.

--loop
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Simulator/1.0
Version: 1
Original-Mail-From: <{sender}>

--loop
Content-Type: text/rfc822-headers

"""


def complaint(letter: Letter, date: str) -> bytes:
    """The report of a feedback loop; like real ones it does not tell who complained."""
    told = _COMPLAINT.format(sender=letter.sender, date=date)
    return _lines(told) + _head(letter.content) + b"\r\n--loop--\r\n"


_STATES = {
    "late": ("5.1.1", "550 5.1.1 <{address}>: Recipient address rejected: User unknown"),
    "late-full": ("5.2.2", "552 5.2.2 <{address}>: The mailbox is full"),
}
_REPORT = """\
From: Mail Delivery System <mailer-daemon@simulator.test>
To: <{to}>
Subject: Undelivered Mail Returned to Sender
Date: {date}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="report"

--report
Content-Type: text/plain

Your message could not be delivered.

--report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.simulator.test

Final-Recipient: rfc822; {address}
Action: failed
Status: {status}
Diagnostic-Code: smtp; {reply}

--report
Content-Type: text/rfc822-headers

"""
_PROSE = """\
From: MAILER-DAEMON@simulator.test
To: {to}
Subject: failure notice
Date: {date}

Sorry, this message could not be delivered to the following address.

<{address}>:
There is no such user here. (#5.1.1)

--- Below this line is a copy of the message.

"""


def bounce(letter: Letter, manner: str, date: str) -> bytes:
    """What a mail system sends back that took the mail first."""
    known = {"to": letter.sender, "address": letter.address, "date": date}
    if manner == "late-prose":
        return _lines(_PROSE.format(**known)) + _head(letter.content)
    status, reply = _STATES.get(manner, _STATES["late"])
    told = _REPORT.format(**known, status=status, reply=reply.format(address=letter.address))
    return _lines(told) + _head(letter.content) + b"\r\n--report--\r\n"


def _lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
