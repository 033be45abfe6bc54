"""How does somebody agree to get copies of an account's mail? By the link that was mailed to the address.

    GET, HEAD /c/<token>   the page that asks; changes nothing, whoever fetches it and however often
    POST /c/<token>        agreed, by the page's button

The token alone says which rule it is, and only the mail to its address held it (`mail.copy_rules`).
"""

from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.params import FromPath

from api import peer
from api.context import platform_of
from api.reader_page import Button, Page, answer, preferred, render, spoken
from mail import copy_rules
from mail.copy_rules import Offer
from mail.copy_words import WORDS


@route(
    "/c/{token:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD, HttpMethod.POST],
    status_code=200,
    request_max_body_size=16_384,
)
async def agreed(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[bytes]:
    """The page, and what its button does."""
    platform = platform_of(request)
    async with platform.strangers:
        if request.method == "POST":
            ip = peer.address(request)
            offer = await copy_rules.confirm(platform.db, platform.keyring, token, ip=ip)
        else:
            offer = await copy_rules.offered(platform.db, platform.keyring, token)
    browser = preferred(request.headers.get("accept-language", ""))
    if offer is None:
        words = WORDS[browser]
        return answer(request, 404, render(browser, words.gone_title, spoken(words.gone)))
    return answer(request, 200, page(offer, offer.language or browser))


def page(offer: Offer, language: str) -> Page:
    """What an offer says to whoever opens its link."""
    words = WORDS[language]
    title, said, button = (
        (words.agreed_title, words.agreed, None)
        if offer.agreed
        else (words.asked_title, words.asked, Button(words.button))
    )
    sentence = said.replace("{who}", words.who).replace("{what}", words.what(offer.sender, offer.tag))
    put = {
        "account": offer.account_name,
        "address": offer.address,
        "sender": offer.sender or "",
        "tag": offer.tag or "",
    }
    return render(language, title, spoken(sentence, **put), offer.face, button)
