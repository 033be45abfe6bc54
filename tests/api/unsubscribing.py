"""How do tests unsubscribe? With the link of a mail that was sent, as a browser, a scanner or a mail program would."""

from dataclasses import dataclass
from uuid import UUID

import httpx

from mail.wire import unsubscribe
from mail.wire.unsubscribe import Ticket
from tests.api.conftest import World

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class Link:
    """A recipient's link and whoever has it."""

    world: World
    ticket: Ticket
    http: httpx.AsyncClient

    @property
    def path(self) -> str:
        return f"/u/{unsubscribe.seal(self.world.platform.keyring, self.ticket)}"

    async def get(self, method: str = "GET", **headers: str) -> httpx.Response:
        return await self.http.request(method, self.path, headers=headers)

    async def post(self, body: str = ONE_CLICK) -> httpx.Response:
        return await self.http.post(self.path, content=body, headers=FORM)

    async def facts(self) -> int:
        """How often it was recorded that this recipient unsubscribed."""
        async with self.world.db.connection() as conn:
            found: int = await conn.fetchval(
                "select count(*) from event where recipient_id = $1 and kind = 'unsubscribed'", self.ticket.recipient_id
            )
            return found

    async def listed(self) -> list[tuple[UUID, str, str, str]]:
        """What is on any list for this address: account, reason, source and the mail that led to it."""
        async with self.world.db.connection() as conn:
            rows = await conn.fetch(
                "select account_id, reason, source, recipient_id from suppression where address = $1",
                self.ticket.address,
            )
        return [tuple(row) for row in rows]


async def sent(
    world: World, account: str, address: str, language: str | None = None, host: str = "click.gone.test"
) -> Link:
    """A mail of an account to an address, and its link on a host that nobody here has heard of."""
    message = await world.submit(account, address)
    async with world.db.connection() as conn:
        id = await conn.fetchval("select id from recipient where message_id = $1", message)
    http = httpx.AsyncClient(base_url=world.url("", "127.0.0.1"), headers={"host": host}, timeout=20)
    world.stack.push_async_callback(http.aclose)
    return Link(world, Ticket(world.accounts[account], id, address, language), http)
