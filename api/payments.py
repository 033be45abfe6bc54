"""How does a payment provider report that an order is paid? By a signed POST, after which the order is fulfilled.

    POST /v1/payments/<the seller's account id>
    Payment-Timestamp: 1795426800             seconds, at most 5 minutes from now
    Payment-Signature: <HMAC-SHA-256 of "<timestamp>.<body>" with the secret of `renewPaymentSecret`, in hex>
    {"orderId": "…", "reference": "what the payment is called there"}

200 also when the same was said before; nothing happens twice. 401 is the one answer to whatever is not signed right.
"""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.params import FromPath

from api import peer
from api.bodies import read_body
from api.context import Platform, platform_of
from api.errors import explain, http_status
from api.graphql.pages import identity, reference
from kit.errors import Kind, LiveryError, invalid
from tenants import orders, payments
from tenants.permissions import Permission
from tenants.scope import Scope

_BODY = 16_384
_READ_SECONDS = 30.0


class _Paid(msgspec.Struct):
    order_id: str = msgspec.field(name="orderId")
    reference: str = msgspec.field(name="reference")


_decoder = msgspec.json.Decoder(_Paid)


@post("/v1/payments/{seller:str}", status_code=200, request_max_body_size=None)
async def paid(request: Request[Any, Any, Any], seller: FromPath[str]) -> Response[bytes]:
    """Fulfil the order that is said to be paid."""
    platform = platform_of(request)
    try:
        body = await read_body(request, _BODY, _READ_SECONDS)
        order = await _fulfil(platform, request, identity(seller), body)
    except Exception as fault:
        refusal = explain(fault)
        return _json(http_status(refusal), {"code": refusal.code, "message": refusal.message})
    platform.bell.ring({order.account_id, order.plan.account_id})
    return _json(200, {"orderId": str(order.id), "state": order.state})


async def _fulfil(
    platform: Platform, request: Request[Any, Any, Any], seller: UUID | None, body: bytes
) -> orders.Order:
    if seller is None:
        raise _unsigned()
    # Whose secret it is stands in the path; nothing else is looked at before the signature is.
    async with platform.db.transaction(sees=seller) as conn:
        genuine = await payments.signed_for(
            conn,
            platform.keyring,
            account_id=seller,
            timestamp=request.headers.get("payment-timestamp", ""),
            signature=request.headers.get("payment-signature", ""),
            body=body,
        )
    if not genuine:
        raise _unsigned()
    try:
        said = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise invalid(f"The body cannot be read: {fault}.", next='Send {"orderId": "…", "reference": "…"}.') from None
    scope = Scope(seller, may=frozenset({Permission.CREDITS}), ip=peer.address(request))
    async with platform.db.unit_of_work(sees=seller) as unit:
        return await orders.fulfil(
            unit, scope, reference(said.order_id, "order", "orderId"), payment_reference=said.reference
        )


def _unsigned() -> LiveryError:
    return LiveryError(Kind.UNAUTHENTICATED, "UNAUTHENTICATED", "This call is not signed right, or too old.")


def _json(status: int, what: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(what),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )
