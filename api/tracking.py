"""What does somebody get who follows a tracked link, or whose mail program asks for the pixel?

    GET /t/<token>         302 to exactly where the mail's author wrote; 410 and a page in the sender's brand where that is
                           over, 404 for what we never made
    GET /t/<token>.gif     a picture of one transparent dot

Outside the framework: it is by far the most frequent request, comes from everywhere, needs no session, sets no cookie, and
is answered from memory (`mail.links`). HEAD is answered alike. What stands after a `?` is what others have added to the
link, and is nobody's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from api import reader_page
from api.brand import host_name
from mail.links import Asked, End, Links

PATH = "/t/"

_AGENT, _ADDRESS = 400, 64  # characters that are kept of what somebody calls itself, and of where it comes from
_AHEAD = frozenset({b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"})

# GIF89a, one dot, transparent.
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")

_SAID = {
    End.UNKNOWN: (404, "Not found."),
    End.AWAY: (503, "This link cannot be looked up just now. Please try again in a minute."),
}


# Why a link was switched off is not for whoever follows it.
OVER: Mapping[str, tuple[str, str]] = {
    "en": ("This link no longer works", "It has been switched off or is too old."),
    "fr": ("Ce lien ne fonctionne plus", "Il a été désactivé ou il est trop ancien."),
    "de": ("Dieser Link funktioniert nicht mehr", "Er wurde abgeschaltet oder ist zu alt."),
    "he": ("הקישור הזה כבר אינו פעיל", "הוא בוטל או ישן מדי."),
    "it": ("Questo link non funziona più", "È stato disattivato o è troppo vecchio."),
    "pt": ("Este link não funciona mais", "Ele foi desativado ou é antigo demais."),
    "ru": ("Эта ссылка больше не работает", "Она отключена или слишком старая."),
    "es": ("Este enlace ya no funciona", "Se ha desactivado o es demasiado antiguo."),
}
"""What the page of such a link says: its title, and one sentence."""


@dataclass(frozen=True)
class Tracking:
    """Answers under `/t/`, on any host that reaches us: the token alone says whose link it is. Hands everything else on.

    Only under the host of an account no other link leads anywhere than those that were made for this host.
    """

    app: ASGIApp
    links: Links
    secure: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP and scope["path"].startswith(PATH):
            await self._answer(scope, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, send: Send) -> None:
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await self._say(send, 405, b"Not by this method.\n", {"allow": "GET, HEAD"})
            return
        token: str = scope["path"][len(PATH) :]
        head = method == "HEAD"
        asked = _asked(scope, head=head)
        if token.endswith(".gif"):
            if self.links.show(token.removesuffix(".gif"), asked):
                # Shown inside pages of others: webmail.
                more = {"content-type": "image/gif", "cross-origin-resource-policy": "cross-origin"}
                await self._say(send, 200, _PIXEL, more, head=head)
                return
            target: str | End = End.UNKNOWN
        else:
            target = await self.links.follow(token, asked)
        if target is End.OVER:
            language = _language(scope)
            title, said = OVER[language]
            # Without a link of the account's own: it may be the account whose links were switched off.
            face = replace(await self.links.face(token), privacy_url=None)
            page = reader_page.render(language, title, said, face)
            more = {
                "content-type": "text/html; charset=utf-8",
                "content-language": page.language,
                "content-security-policy": page.csp,
            }
            await self._say(send, 410, page.body, more, head=head)
        elif isinstance(target, End):
            status, words = _SAID[target]
            more = {"retry-after": "60"} if status == 503 else {}
            await self._say(send, status, f"{words}\n".encode(), more, head=head)
        else:
            await self._say(send, 302, b"", {"location": target})

    async def _say(self, send: Send, status: int, body: bytes, more: Mapping[str, str], *, head: bool = False) -> None:
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(body)),
            # Each time anew: an answer out of somebody's memory would be a visit nobody hears of.
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-robots-tag": "noindex, nofollow",
            **({"strict-transport-security": "max-age=31536000"} if self.secure else {}),
            **more,
        }
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if head else body, "more_body": False})


def _language(scope: HTTPScope) -> str:
    wanted = [value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"]
    return reader_page.preferred(",".join(wanted))


def _asked(scope: HTTPScope, *, head: bool) -> Asked:
    agent, ahead = "", False
    for name, value in scope["headers"]:
        if name == b"user-agent":
            agent = value[:_AGENT].decode("latin-1")
        elif name in _AHEAD:
            ahead = ahead or b"prefetch" in value or b"prerender" in value or b"preview" in value
    if not agent.isprintable():
        agent = "".join(letter for letter in agent if letter.isprintable())
    client = scope["client"]
    # An address may have the name of a network interface behind it, as long as somebody likes.
    ip = client[0][:_ADDRESS] if client else ""
    return Asked(agent=agent, ip=ip, head=head, ahead=ahead, host=host_name(scope) or "")
