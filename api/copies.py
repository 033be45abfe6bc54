"""How does somebody agree to get copies of an account's mail? By the link that was mailed to the address.

    GET, HEAD /c/<token>   the page that asks; changes nothing, whoever fetches it and however often
    POST /c/<token>        agreed, by the page's button

The token alone says which rule it is, and only the mail to its address held it (`mail.copy_rules`).
"""

import base64
import hashlib
from html import escape
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.params import FromPath

from api.context import platform_of
from mail import copy_rules
from mail.copy_rules import Offer

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText}
main{max-width:34rem;margin:12vh auto 0;padding:0 1.25rem}
.brand{font-weight:600;padding-bottom:.5rem;border-bottom:.25rem solid #374151}
h1{font-size:1.5rem;line-height:1.25;margin:1.5rem 0 .75rem}
p{margin:0 0 1.25rem;overflow-wrap:anywhere}
button{font:inherit;font-weight:600;padding:.7rem 1.4rem;border:0;border-radius:.4rem;background:#374151;color:#fff;cursor:pointer}
button:focus-visible{outline:.2rem solid Highlight;outline-offset:.15rem}
"""
_ALLOWED = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    # Nothing is loaded, and whoever opens it is seen by nobody.
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_ALLOWED}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
}


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
            ip = request.client.host if request.client is not None else None
            offer = await copy_rules.confirm(platform.db, platform.keyring, token, ip=ip)
        else:
            offer = await copy_rules.offered(platform.db, platform.keyring, token)
    page = _page(offer)
    return Response(
        b"" if request.method == "HEAD" else page,
        status_code=200 if offer else 404,
        media_type="text/html; charset=utf-8",
        headers={**_HEADERS, "content-length": str(len(page))},
    )


def _page(offer: Offer | None) -> bytes:
    brand = button = ""
    if offer is None:
        title, said = "This link is no good any more", "There is nothing to agree to, and no copy will be sent."
    else:
        address, account, what = escape(offer.address), escape(offer.account_name), escape(offer.what)
        brand = f'<div class="brand">{escape(offer.brand)}</div>' if offer.brand else ""
        if offer.agreed:
            title, said = "You get copies", f"{address} gets a copy of {what}: that of {account}."
        else:
            title = "Do you want these copies?"
            said = f"{account} would like to send to {address} a copy of {what}."
            button = '<form method="post"><button>Yes, send me copies</button></form>'
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow"><meta name="referrer" content="no-referrer">
<title>{title}</title><style>{_STYLE}</style></head>
<body><main>{brand}<h1>{title}</h1><p>{said}</p>{button}</main></body></html>
""".encode()
