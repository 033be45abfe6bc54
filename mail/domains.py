"""Which domain signs a message, and with which key? Sender domains, their hosts and their sealed DKIM keys.

A message is signed by the verified domain that its From address lies under, if its account has one; else by the first
verified domain of the nearest account above; at the top stands the platform's neutral `LIVERY_MAIL_DOMAIN`. So everything
that leaves is signed, and only mail from an owned domain is signed as that domain (RFC 6376 §6.3, RFC 7489 §3.1.1). Its
return path stands under a host of the same domain where one leads to us.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from kit.crypto import Keyring
from kit.db import Connection
from kit.errors import Kind, LiveryError
from kit.ids import new_id
from mail.wire.address import canonical_domain
from mail.wire.dkim import SigningKey, make_key
from tenants.tree import operator_account

SELECTOR = "mail1"
"""The first key's selector; a rotation publishes the next one beside it."""


async def add_domain(
    conn: Connection, keyring: Keyring, *, account_id: UUID, name: str, key: tuple[bytes, str] | None = None
) -> UUID:
    """Add a sender domain, not verified yet, with a fresh RSA-2048 key whose private half is sealed at once.

    `key` is one that `mail.wire.dkim.make_key` made before, where nobody waited for it.

    Raises AddressError for what is no domain name, LiveryError CONFLICT where the account has it already.
    """
    name = canonical_domain(name.strip().rstrip("."))
    id = new_id()
    made = await conn.fetchval(
        """insert into domain (id, account_id, name) values ($1, $2, $3)
           on conflict (account_id, name) do nothing returning id""",
        id,
        account_id,
        name,
    )
    if made is None:
        raise LiveryError(Kind.CONFLICT, "TAKEN", f"{name} is one of your domains already.", field=("name",))
    private, txt = key or make_key()
    await conn.execute(
        """insert into dkim_key (id, domain_id, selector, private_sealed, txt, active)
           values ($1, $2, $3, $4, $5, true)""",
        new_id(),
        id,
        SELECTOR,
        keyring.seal(private, _aad(account_id, name, SELECTOR)),
        txt,
    )
    return id


async def mark_verified(conn: Connection, domain_id: UUID) -> None:
    """Its ownership is proven. Raises LiveryError CONFLICT where another account holds the name verified."""
    taken = await conn.fetchval(
        """select true from domain d join domain other on other.name = d.name and other.id <> d.id
            where d.id = $1 and other.verified_at is not null""",
        domain_id,
    )
    if taken:
        raise LiveryError(Kind.CONFLICT, "TAKEN", "Another account has verified this domain.", field=("name",))
    await conn.execute("update domain set verified_at = livery_now() where id = $1", domain_id)


async def add_verified_domain(conn: Connection, keyring: Keyring, *, account_id: UUID, name: str) -> UUID:
    """Add a domain that needs no proof: the platform's own, or the demo's."""
    id = await add_domain(conn, keyring, account_id=account_id, name=name)
    await mark_verified(conn, id)
    return id


async def ensure_neutral_domain(conn: Connection, keyring: Keyring, mail_domain: str) -> None:
    """See that the operator's account holds the platform's neutral domain; without an operator there is nobody to hold it."""
    operator = await operator_account(conn)
    if operator is None:
        return
    name = canonical_domain(mail_domain)
    if not await conn.fetchval("select true from domain where name = $1 and verified_at is not null", name):
        await add_verified_domain(conn, keyring, account_id=operator, name=name)


@dataclass(frozen=True, slots=True)
class Identity:
    """In whose name a message leaves."""

    key: SigningKey | None
    """What signs; None where not even the platform has a key yet."""
    returns: str | None
    """The verified host under the signing domain that return paths stand under, so that SPF agrees with From (RFC 7489
    §3.1.2); None: the platform's neutral domain."""


async def identities(
    conn: Connection, keyring: Keyring, wanted: Sequence[tuple[UUID, str]]
) -> dict[tuple[UUID, str], Identity]:
    """For each (account, From domain) in whose name it leaves.

    Raises kit.crypto.Unreadable where a key was sealed under another LIVERY_SECRET_KEY.
    """
    rows = await conn.fetch(
        """select w.account_id as for_account, w.from_domain, d.account_id, d.name, k.selector, k.private_sealed,
                  (select h.host from domain_host h
                    where h.domain_id = d.id and h.kind = 'return_path' and h.verified_at is not null
                    order by h.verified_at, h.host limit 1) as returns
             from unnest($1::uuid[], $2::text[]) as w (account_id, from_domain)
             join account a on a.id = w.account_id
             left join lateral (
               select d.* from domain d
                 join account owner on owner.id = d.account_id
                where d.account_id = any (a.lineage) and d.verified_at is not null
                order by (w.from_domain = d.name or w.from_domain like '%.' || d.name) desc,
                         cardinality(owner.lineage) desc, length(d.name) desc, d.created_at
                limit 1
             ) d on true
             left join lateral (
               select * from dkim_key k where k.domain_id = d.id and k.active order by k.created_at desc limit 1
             ) k on true""",
        [account for account, _ in wanted],
        [domain for _, domain in wanted],
    )
    found: dict[tuple[UUID, str], Identity] = {}
    for row in rows:
        key = None
        if row["private_sealed"] is not None:
            aad = _aad(row["account_id"], row["name"], row["selector"])
            key = SigningKey(row["name"], row["selector"], keyring.open(row["private_sealed"], aad))
        found[row["for_account"], row["from_domain"]] = Identity(key, row["returns"])
    return found


def _aad(account_id: UUID, domain: str, selector: str) -> str:
    return f"dkim|{account_id}|{domain}|{selector}"
