"""How does a stranger ask for an account? Whatever address is typed, the answer is the same; what differs comes by mail."""

from uuid import UUID

from kit.crypto import hash_password
from kit.db import Database
from kit.errors import Kind, LiveryError
from mail.notices import Note, Notices
from tenants import sign_up, throttle

CONFIRM = Note(
    "Confirm your account at {brand}",
    # Not a word of what was typed: whoever typed it may be a stranger to whoever reads it.
    """Hello,

somebody, probably you, asked for an account at {brand} with this address.
To confirm that this address is yours, open this one within a day:

{link}

If it was not you, there is nothing you need to do: there will be no account.

{brand}
""",
    "/sign-up/confirm#{token}",
)

KNOWN = Note(
    "You have an account already",
    """Hello,

somebody, probably you, asked for an account at {brand} with this address.
It signs in to an account already. To sign in, or to choose a new password, open:

{link}

If it was not you, there is nothing you need to do.

{brand}
""",
    "/login",
)


async def request(
    db: Database,
    notices: Notices,
    *,
    brand_id: UUID | None,
    email: str,
    name: str,
    company: str,
    password: str,
    referral_code: str | None,
    ip: str,
) -> None:
    """Note the wish and mail the link that confirms it; to a known address a mail that says so, later in either case.

    `brand_id` is the account whose host was asked, None for the platform's own hosts. Raises LiveryError INVALID, DENIED
    where sign-up is not open, EXHAUSTED for the sixth try of a minute.
    """
    wish = sign_up.checked(email=email, name=name, company=company, password=password, referral_code=referral_code)
    async with db.transaction() as conn:
        brand_id = await sign_up.brand_of(conn, brand_id)
    if not await throttle.take(db, sign_up.limits(ip)):
        raise LiveryError(
            Kind.EXHAUSTED, "THROTTLED", "Too many attempts to sign up.", next="Wait a minute, then try again."
        )
    # For known addresses too: the work is what takes time. No connection is held meanwhile.
    async with throttle.unless_busy(db, sign_up.limits(ip)):
        password_hash = await hash_password(password)
    async with db.transaction() as conn:
        await sign_up.brand_of(conn, brand_id)
        token = await sign_up.begin(conn, brand_id, wish, password_hash)
    if await throttle.take(db, sign_up.mailing(wish.email)):
        note = KNOWN if token is None else CONFIRM
        notices.later(notices.send(brand_id, wish.email, note, {"token": token or ""}))
