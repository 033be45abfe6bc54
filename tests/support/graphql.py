"""How does a customer's program speak with the API? By key over HTTP, and over graphql-transport-ws for the feed."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import websockets
from websockets.typing import Subprotocol

EVENT = "id cursor kind at messageId recipientId recipient sender subject reply"
_PAGE = f"""query($after: String) {{ events(first: 100, after: $after) {{
  nodes {{ {EVENT} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_FOLLOW = f"subscription($after: String) {{ events(after: $after) {{ cursor live events {{ {EVENT} }} }} }}"


class Refused(AssertionError):
    """The API answered with errors where a test wanted data."""


@dataclass(frozen=True)
class Api:
    """One client of the API at `url`; without a key it is nobody."""

    url: str
    key: str | None = None
    cookie: str | None = None
    """`name=value` of a session, for a client that is a browser."""

    @property
    def headers(self) -> dict[str, str]:
        """What the client sends along to say who it is."""
        if self.key:
            return {"Authorization": f"Bearer {self.key}"}
        browser = {"Origin": self.url, "X-Requested-With": "web"}
        return {**browser, "Cookie": self.cookie} if self.cookie else browser

    async def login(self, email: str, password: str) -> "Api":
        """Sign in as a person and return the client that is signed in; raises Refused for a wrong password."""
        query = """mutation($email: String!, $password: String!) { login(email: $email, password: $password) {
            ... on SignedIn { me { account { slug } } } ... on Problem { code message } } }"""
        body = {"query": query, "variables": {"email": email, "password": password}}
        async with _client() as client:
            answer = await client.post(f"{self.url}/graphql", json=body, headers=self.headers)
        if "set-cookie" not in answer.headers:
            raise Refused(answer.text)
        return Api(self.url, cookie=answer.headers["set-cookie"].partition(";")[0])

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Run an operation and return the whole answer, errors included."""
        async with _client() as client:
            body = {"query": query, "variables": variables}
            answer = await client.post(f"{self.url}/graphql", json=body, headers=self.headers)
        found: dict[str, Any] = answer.json()
        return found

    async def run(self, query: str, **variables: Any) -> Any:
        """Run an operation and return its data; raises Refused with the errors."""
        answer = await self.ask(query, **variables)
        if answer.get("errors"):
            raise Refused(json.dumps(answer["errors"]))
        return answer["data"]

    async def ledger(self, after: str | None = None) -> list[dict[str, Any]]:
        """Return every event from a cursor (or from the start) to the end, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = (await self.run(_PAGE, after=after))["events"]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    async def follow(self, after: str | None = None) -> AsyncGenerator[dict[str, Any]]:
        """Subscribe to events and yield each batch; closing the iterator cuts the socket without a word."""
        target = self.url.replace("http", "ws", 1) + "/graphql"
        protocols = [Subprotocol("graphql-transport-ws")]
        headers = {} if self.key else self.headers
        async with websockets.connect(
            target, subprotocols=protocols, max_size=None, additional_headers=headers
        ) as socket:
            payload = {"authorization": f"Bearer {self.key}"} if self.key else {}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert json.loads(await socket.recv())["type"] == "connection_ack"
            operation = {"query": _FOLLOW, "variables": {"after": after}}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": operation}))
            try:
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "next":
                        if message["payload"].get("errors"):
                            raise Refused(text)
                        yield message["payload"]["data"]["events"]
                    elif message["type"] == "ping":
                        await socket.send(json.dumps({"type": "pong"}))
                    elif message["type"] in {"error", "complete"}:
                        raise Refused(str(text))
            finally:
                socket.transport.abort()


def _client() -> httpx.AsyncClient:
    # Plain HTTP on loopback: loading the world's certificates would cost 30 ms a request and protect nothing.
    return httpx.AsyncClient(timeout=30, verify=False)  # noqa: S501
