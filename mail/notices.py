"""What does the platform itself write to people? Invitations, links for a new password: plain text, through our own intake.

A notice speaks in the name of the brand that its reader knows, is handed in for the account that owns that brand, and
links to a stored host of the reader's own line: nothing of it comes from a request. It costs nobody credits. Who reads
that account's messages sees that a notice went out but not its text, for a link opens what is its reader's alone.
"""

import asyncio
import contextvars
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from kit.db import Database, UnitOfWork
from mail import compose
from mail.intake import Envelope, EnvelopeRecipient, Intake, Submission
from tenants import branding, invitations, passwords
from tenants.invitations import Invited
from tenants.models import Role
from tenants.permissions import Permission
from tenants.scope import Scope

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Note:
    """The text of a notice; {brand}, {link} and further words are filled in."""

    subject: str
    text: str
    path: str = "/"
    """Where the link leads; what must stay out of logs comes after its #, which browsers send to nobody."""


INVITATION = Note(
    "You are invited to {brand}",
    """Hello,

you are invited to work in {account} at {brand}.
To accept, open this address within seven days and choose a password:

{link}

If you did not expect this, there is nothing you need to do.

{brand}
""",
    "/invitation#{token}",
)

RESET = Note(
    "Choose a new password for {brand}",
    """Hello,

somebody, probably you, asked for a new password for {brand}.
To choose one, open this address within one hour; it works once:

{link}

If it was not you, there is nothing you need to do: your password is as it was.

{brand}
""",
    "/reset#{token}",
)

CHANGED = Note(
    "Your password for {brand} was changed",
    """Hello,

the password with which you sign in to {brand} was changed just now,
and you were signed out everywhere else.

If it was not you, ask for a new one at once:

{link}

{brand}
""",
    "/forgotten",
)


# The present neutral domain before older ones: it may have been another when the platform was set up.
_DOMAIN = """select name from domain where account_id = $1 and verified_at is not null
              order by name = $2 desc, created_at, name limit 1"""


class Notices:
    """Sends the platform's own mail. Make it after the intake, `await close()` it before."""

    def __init__(self, db: Database, intake: Intake, *, public_url: str, mail_domain: str) -> None:
        self._db = db
        self._intake = intake
        self._public = urlsplit(public_url)
        self._mail_domain = mail_domain
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, account_id: UUID, to: str, note: Note, words: Mapping[str, str] | None = None) -> None:
        """Hand in a notice to somebody of `account_id`. Raises LiveryError where it cannot be taken in."""
        async with self._db.transaction(sees=account_id) as conn:
            head = await branding.letterhead(conn, account_id)
        async with self._db.transaction(sees=head.account_id) as conn:
            domain = await conn.fetchval(_DOMAIN, head.account_id, self._mail_domain)
        brand = _plain(head.brand or self._mail_domain)
        filled = {name: _plain(word) for name, word in (words or {}).items()} | {"brand": brand}
        filled["link"] = self._base(head.host) + note.path.format(**filled)
        name = brand.replace("\\", "\\\\").replace('"', '\\"')
        composed = compose.compose(
            compose.Draft(
                sender=f'"{name}" <no-reply@{domain or self._mail_domain}>',
                to=[to],
                subject=note.subject.format(**filled),
                text=note.text.format(**filled),
                # RFC 3834 §5: nobody's holiday answers this.
                headers=[("Auto-Submitted", "auto-generated")],
            )
        )
        await self._intake.accept(
            Scope(head.account_id, may=frozenset({Permission.SEND})),
            Submission(
                envelope=Envelope(
                    sender=composed.sender,
                    recipients=tuple(EnvelopeRecipient(address) for address in composed.recipients),
                    smtputf8=composed.smtputf8,
                ),
                content=composed.content,
                door="api",
                trace=f"by {self._mail_domain} with HTTP; {format_datetime(datetime.now(UTC))}",  # RFC 5321 §4.4
                notice=True,
            ),
        )

    async def invite(
        self, unit: UnitOfWork, scope: Scope, account_id: UUID | None, email: str, role: Role
    ) -> invitations.InvitationView:
        """Invite an address (`tenants.invitations.invite`); the mail goes out once the unit of work has committed."""
        invited = await invitations.invite(unit, scope, account_id, email, role)
        unit.after_commit(lambda: self._invitation(invited))
        return invited.invitation

    async def resend(self, unit: UnitOfWork, scope: Scope, id: UUID | None) -> invitations.InvitationView:
        """Send an invitation again, with another link."""
        invited = await invitations.resend(unit, scope, id)
        unit.after_commit(lambda: self._invitation(invited))
        return invited.invitation

    async def _invitation(self, invited: Invited) -> None:
        view = invited.invitation
        words = {"account": _account(invited.account_name), "token": invited.token}
        await self.send(view.account_id, view.email, INVITATION, words)

    def offer_reset(self, email: str, *, ip: str) -> None:
        """Mail a link for a new password to whoever has this address: later, so that the asker's clock tells nothing."""
        self.later(self._reset(email, ip))

    async def _reset(self, email: str, ip: str) -> None:
        begun = await passwords.begin_reset(self._db, email=email, ip=ip)
        if begun is not None:
            await self.send(begun.account_id, begun.email, RESET, {"token": begun.token})

    def password_changed(self, changed: passwords.Changed) -> None:
        """Tell a member, later, that the password is another one."""
        self.later(self.send(changed.account_id, changed.email, CHANGED))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for; `close` waits for it. A fault is logged and ends nothing else."""

        async def done() -> None:
            try:
                await work
            except Exception as fault:
                log.error("notice.failed", reason=type(fault).__name__, exc_info=fault)

        # A context of its own: one made inside somebody's transaction would inherit it and fail after its end.
        task = asyncio.get_running_loop().create_task(done(), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for everything under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _base(self, host: str | None) -> str:
        """Where the dashboard answers on a host: as the platform's own address says, for the host alone differs."""
        if host is None:
            return f"{self._public.scheme}://{self._public.netloc}"
        port = f":{self._public.port}" if self._public.port else ""
        return f"{self._public.scheme}://{host}{port}"


def reads_as_link(name: str) -> bool:
    """Whether the reader's mail program would show a name as a link: then it is not put into a mail of ours."""
    return re.search(r"://|/|@|\w[.\u3002\uff0e\uff61]\w", name) is not None


def _account(name: str) -> str:
    """How an account is called in a mail."""
    return "an account" if reads_as_link(name) else f"the account {name}"


def _plain(word: str) -> str:
    return "".join(letter for letter in word if letter.isprintable())[:200]
