"""What do the tests of mail share? A bell and an intake on the test's own database."""

from collections.abc import AsyncIterator

import pytest

from kit.bell import Bell
from kit.db import Database
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission


@pytest.fixture
async def bell(world_url: str) -> AsyncIterator[Bell]:
    """A connected bell."""
    bell = Bell(world_url)
    await bell.start()
    yield bell
    await bell.close()


@pytest.fixture
async def intake(world_db: Database, bell: Bell) -> AsyncIterator[Intake]:
    """The way in."""
    intake = Intake(world_db, bell)
    yield intake
    await intake.close()


def submission(
    *recipients: str,
    sender: str = "user@shop.test",
    subject: str = "Hello",
    body: bytes = b"Hi\r\n",
    notice: bool = False,
    headers: str = "",
) -> Submission:
    """A small message from `sender` to these recipients, with further whole header fields."""
    return Submission(
        envelope=Envelope(sender, tuple(EnvelopeRecipient(address) for address in recipients)),
        content=f"From: {sender}\r\nSubject: {subject}\r\n{headers}\r\n".encode() + body,
        door="smtp",
        trace="from test by mail.test with ESMTPSA; Mon, 23 Nov 2026 06:00:00 +0000",
        notice=notice,
    )
