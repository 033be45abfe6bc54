"""Who sends through the storm? Clients over SMTP and the API that submit again whatever got no 250, and remember it."""

import asyncio
import contextlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.support.world import Tenant

_SESSIONS, _CALLERS = 12, 2
_LARGE, _SMALL = 300_000, 4_000
_WAIT = 30.0
# Letters after which a session is closed and another opened: whichever door has come back gets its share of them.
_SESSION = 15

_SEND = """mutation($input: SendMailInput!) { sendMail(input: $input) {
    __typename ... on SentMail { messageId } ... on Problem { code message } } }"""


@dataclass
class Letter:
    """One message that a client wants to see delivered."""

    recipients: tuple[str, ...]
    body: bytes
    """The last lines of the message; unlike those of any other."""
    halting: bool = False
    """Its content is sent in two pieces."""
    promised: str | None = None
    """The id of the 250 or 202."""
    unsure: int = 0
    """How often it was handed in whole and nobody said 250: the next try is a resubmission."""


class Refused(Exception):
    """The door said that the message is not taken now."""


@dataclass
class Load:
    """Everything that is submitted in one round, through `port` by SMTP and `url` by GraphQL."""

    name: str
    tenant: Tenant
    port: int
    url: str
    room: Callable[[], bool]
    """May another letter be begun?"""
    letters: list[Letter] = field(default_factory=list)
    resubmissions: int = 0
    stopping: bool = False

    async def run(self, seed: str) -> None:
        """Submit until `stop`; then return once every letter begun has got its 250."""
        chance = random.Random(seed)
        async with asyncio.TaskGroup() as clients:
            for _ in range(_SESSIONS):
                clients.create_task(self._smtp_client(chance))
            for _ in range(_CALLERS):
                clients.create_task(self._api_client(chance))

    def stop(self) -> None:
        """Begin no further letter."""
        self.stopping = True

    @property
    def promised(self) -> dict[str, str]:
        """The message id by recipient, of all that were accepted."""
        return {to: letter.promised for letter in self.letters if letter.promised for to in letter.recipients}

    def _next(self, chance: random.Random, *, large: bool) -> Letter:
        number = len(self.letters)
        many = 3 if number % 12 == 5 else 1
        recipients = tuple(f"{self.name}-{number}-{at}@far.test" for at in range(many))
        size = _LARGE if large and number % 40 == 7 else _SMALL
        # As long as most programs' lines: a remote host that is a script reads line by line.
        line = (b"%s letter %d, " % (self.name.encode(), number) * 20)[:198] + b"\r\n"
        body = line * (size // len(line)) + b"%032x\r\n" % chance.getrandbits(128)
        self.letters.append(Letter(recipients, body, halting=number % 5 == 0))
        return self.letters[-1]

    async def _room(self) -> bool:
        """Wait until there is room; False when the round is over."""
        while not self.stopping and not self.room():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        return not self.stopping

    async def _smtp_client(self, chance: random.Random) -> None:
        session: _Session | None = None
        while await self._room():
            letter = self._next(chance, large=True)
            if session is not None and session.letters == _SESSION:
                session.close()
                session = None
            while letter.promised is None:
                try:
                    if session is None:
                        session = await _Session.open(self.port)
                    letter.promised = await session.send(self.tenant.email, letter)
                # uvloop raises RuntimeError for a write to a connection that has just gone.
                except (OSError, EOFError, RuntimeError, Refused):
                    if session is not None:
                        session.close()
                        session = None
                    await asyncio.sleep(0.1)
                self._tried(letter)
        if session is not None:
            session.close()

    async def _api_client(self, chance: random.Random) -> None:
        headers = {"Authorization": f"Bearer {self.tenant.api_key}"}
        async with httpx.AsyncClient(timeout=_WAIT, verify=False, headers=headers) as client:  # noqa: S501 - no TLS here
            while await self._room():
                letter = self._next(chance, large=False)
                fields = {
                    "sender": self.tenant.email,
                    "to": list(letter.recipients),
                    "subject": self.name,
                    "text": letter.body.decode().replace("\r\n", "\n"),
                }
                while letter.promised is None:
                    with contextlib.suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
                        letter.unsure += 1
                        asked = {"query": _SEND, "variables": {"input": fields}}
                        answer = await client.post(f"{self.url}/graphql", json=asked)
                        letter.promised = answer.json()["data"]["sendMail"]["messageId"]
                        letter.unsure -= 1
                    if letter.promised is None:
                        await asyncio.sleep(0.1)
                    self._tried(letter)
                # A person or a program in a loop, not a flood: the doors under test are SMTP's for the most part.
                await asyncio.sleep(0.02)

    def _tried(self, letter: Letter) -> None:
        """Count what a try came to."""
        if letter.promised is None and letter.unsure:
            self.resubmissions += 1
            letter.unsure = 0


class _Session:
    """One SMTP session in the clear, allowed by a source credential."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.letters = 0
        """How many were handed in and got their 250."""

    @classmethod
    async def open(cls, port: int) -> "_Session":
        session = cls(*await asyncio.open_connection("127.0.0.1", port))
        try:
            await session._expect("220")
            await session._say("EHLO client.test\r\n", "250")
        except BaseException:
            session.close()  # the door was killed meanwhile, or the load is over
            raise
        return session

    async def send(self, sender: str, letter: Letter) -> str:
        """Hand in a letter and return the id it was given; `letter.unsure` counts a dot without a 250."""
        await self._say(f"MAIL FROM:<{sender}>\r\n", "250")
        for to in letter.recipients:
            await self._say(f"RCPT TO:<{to}>\r\n", "250")
        await self._say("DATA\r\n", "354")
        head = f"From: <{sender}>\r\nTo: <{letter.recipients[0]}>\r\nSubject: {letter.body[-34:-2].decode()}\r\n\r\n"
        content = head.encode() + letter.body
        if letter.halting:
            self._writer.write(content[: len(content) // 2])
            await self._writer.drain()
            await asyncio.sleep(0.01)
            content = content[len(content) // 2 :]
        letter.unsure += 1
        self._writer.write(content + b".\r\n")
        await self._writer.drain()
        said = await self._expect("250")
        letter.unsure -= 1
        self.letters += 1
        found = re.search(r"Queued as (\S+)", said)
        assert found, said
        return found[1]

    async def _say(self, line: str, code: str) -> str:
        self._writer.write(line.encode())
        return await self._expect(code)

    async def _expect(self, code: str) -> str:
        async with asyncio.timeout(_WAIT):
            while True:
                line = (await self._reader.readline()).decode()
                if not line.endswith("\n"):
                    raise EOFError("the door hung up")
                if line[3] != "-":
                    break
        assert line[0] != "5", f"refused for good: {line}"
        if not line.startswith(code):
            raise Refused(line)
        return line

    def close(self) -> None:
        self._writer.transport.abort()
