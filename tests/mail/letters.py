"""What do the transport tests send, and how do they read what became of it?"""

from collections.abc import Callable
from uuid import uuid4

from mail.transports import Delivery, Hop, OutgoingMail, OutgoingRecipient, Source
from mail.transports.exchange import Deadlines
from mail.verdict import Verdict

CONTENT = b"From: a@shop.test\r\nSubject: x\r\n\r\nhello\r\n..two dots\r\n.\r\nend\r\n"
QUICK = Deadlines(connect=2, greeting=2, ehlo=2, starttls=2, mail=2, rcpt=2, data=2, chunk=2, dot=2, rset=2)


def mail(
    *addresses: str,
    content: bytes | Callable[[Hop], bytes] = CONTENT,
    smtputf8: bool = False,
    ret: str | None = None,
    envid: str | None = None,
    notify: str | None = None,
    orcpt: str | None = None,
    size: int = 0,
    source: Source | None = None,
) -> OutgoingMail:
    made = content if callable(content) else lambda hop: content
    recipients = tuple(OutgoingRecipient(uuid4(), address, notify, orcpt) for address in addresses or ("b@far.test",))
    return OutgoingMail("r1@out.test", recipients, made, "far.test", smtputf8, False, ret, envid, size, source=source)


async def held() -> bool:
    return True


async def lost() -> bool:
    return False


def verdicts(delivery: Delivery) -> list[Verdict]:
    return [outcome.verdict for outcome in delivery.outcomes]


def said(delivery: Delivery) -> list[str]:
    return [line for talk in delivery.conversations for line in talk.lines]
