"""What does a tenant own? One thing of every kind that the API names by id, made by the owner of the tables, marked all over.

Every text of these rows holds the mark, so that whoever receives the mark has received something of this tenant.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg

from kit.ids import new_id

type _Maker = Callable[[asyncpg.Connection, UUID, UUID, str], Awaitable[object]]


async def _account(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into account (id, slug, name, kind, parent_id, lineage, may_resell, brand_name, privacy_url, referral_code)
           select $1, $3::text || right($1::uuid::text, 12), $3::text || ' account', 'sub_account', a.id,
                  a.lineage || $1::uuid, true,
                  $3::text || ' brand', 'https://' || $3::text || '.test/', right($3::text || right($1::uuid::text, 12), 40)
             from account a where a.id = $2""",
        id,
        owner,
        mark,
    )
    await conn.execute("insert into balance (account_id) values ($1)", id)


async def _message(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    """Held, with a recipient of the same id, facts of what people look at reports for, an attempt and a body."""
    await conn.execute(
        """insert into message (id, account_id, door, envelope_from, sender, subject, message_id_header, size, eight_bit,
                                smtputf8, trace, sandbox, recipient_count, expires_at)
           values ($1, $2, 'smtp', $3::text || '@a.test', $3::text || '@a.test', $3::text || ' message', $3, 9, false, false,
                   $3, false, 1, livery_now() + interval '3 days')""",
        id,
        owner,
        mark,
    )
    await conn.execute(
        "insert into body (message_id, content) values ($1, $2)", id, f"Subject: {mark} message\r\n\r\nx\r\n".encode()
    )
    await conn.execute(
        """insert into recipient (id, message_id, account_id, address, domain, state, next_attempt_at, reply, cause)
           values ($1, $1, $2, $3::text || '+recipient@far.test', 'far.test', 'held', null, $3, 'person')""",
        id,
        owner,
        mark,
    )
    await conn.execute(
        """insert into event (epoch, account_id, message_id, recipient_id, kind, from_state, reply)
           select epoch, $2, $1, $1, kind, state, $3::text || ' event'
             from ledger_epoch,
                  (values ('accepted', null), ('held', 'queued'), ('bounced', 'sending'), ('complained', null))
                    as e (kind, state)""",
        id,
        owner,
        mark,
    )
    await conn.execute(
        """insert into attempt (id, account_id, message_id, host, ip, started_at, ended_at, conversation)
           values ($1, $2, $1, $3, '203.0.113.9', livery_now(), livery_now(), $3)""",
        id,
        owner,
        mark,
    )


async def _credential(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into credential (id, account_id, kind, name, username, secret_hash)
           values ($1, $2, 'smtp', $3::text || ' credential', $3::text || right($1::uuid::text, 12), '\\x00')""",
        id,
        owner,
        mark,
    )


async def _member(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    """With a credential of the account's that the person made."""
    made = new_id()
    await _credential(conn, made, owner, mark)
    await conn.execute("update credential set created_by = $2 where id = $1", made, id)
    await conn.execute(
        """insert into audit_entry (id, account_id, member_id, home_id, action, target, changes)
           values ($1, $2, $3, $2, 'credential.create', $4::uuid::text, '{}')""",
        new_id(),
        owner,
        id,
        made,
    )
    await conn.execute(
        """insert into member (id, account_id, email, name, role, password_hash)
           values ($1, $2, $3::text || right($1::uuid::text, 12) || '@m.test', $3::text || ' member', 'analyst', 'none')""",
        id,
        owner,
        mark,
    )


async def _invitation(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into invitation (id, account_id, email, role, token_hash, expires_at)
           values ($1, $2, $3::text || '-invitation-' || right($1::uuid::text, 12) || '@m.test', 'analyst', $1::uuid::text,
                   livery_now() + interval '7 days')""",
        id,
        owner,
        mark,
    )


async def _session(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into session (id, public_id, member_id, host, ip, user_agent, expires_at)
           select $1::uuid::text, $1, m.id, 'x.test', '203.0.113.9', $3::text || ' session', livery_now() + interval '1 day'
             from member m where m.account_id = $2 and m.role = 'owner' order by m.id limit 1""",
        id,
        owner,
        mark,
    )


async def _source(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into source (id, name, ip, hostname, account_id)
           values ($1, $3::text || ' source', right($1::uuid::text, 12), $3, $2)""",
        id,
        owner,
        mark,
    )


async def _plan(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        "insert into plan (id, account_id, name, credits) values ($1, $2, $3::text || ' plan', 1)", id, owner, mark
    )


async def _order(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    """Of a plan of the account above, which is not its own and has no mark."""
    await conn.execute(
        """with sold as (
             insert into plan (id, account_id, name, credits)
             select gen_random_uuid(), coalesce(parent_id, id), 'ordered', 1 from account where id = $2 returning id
           ) insert into plan_order (id, account_id, plan_id, payment_reference)
             select $1, $2, id, $3::text || right($1::uuid::text, 12) from sold""",
        id,
        owner,
        mark,
    )


async def _unsubscribe_tag(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    """With somebody who has unsubscribed."""
    await conn.execute(
        """insert into unsubscribe_tag (id, account_id, number, text, language)
           select $1, $2, count(*) + 1, $3::text || ' unsubscribe', 'en' from unsubscribe_tag where account_id = $2""",
        id,
        owner,
        mark,
    )
    await conn.execute(
        """insert into suppression (id, account_id, address, reason, source)
           values ($1, $2, $3::text || right($1::uuid::text, 12) || '@far.test', 'unsubscribe', $3)""",
        id,
        owner,
        mark,
    )


async def _dead_link(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into killed_link (id, account_id, target, reason)
           values ($1, $2, 'https://' || $3::text || '.test/', $3::text || ' reason')""",
        id,
        owner,
        mark,
    )


async def _suppression(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await conn.execute(
        """insert into suppression (id, account_id, address, reason, source)
           values ($1, $2, $3::text || right($1::uuid::text, 12) || '@far.test', 'manual', $3)""",
        id,
        owner,
        mark,
    )


async def _template(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str, kind: str = "template") -> None:
    await conn.execute(
        """insert into template (id, account_id, kind, name, html, text)
           values ($1, $2, $4, $3::text || right($1::uuid::text, 12), $3::text || ' <% body %>', $3::text || ' <% body %>')""",
        id,
        owner,
        mark,
        kind,
    )


async def _footer(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    await _template(conn, id, owner, mark, "footer")


async def _copy_rule(conn: asyncpg.Connection, id: UUID, owner: UUID, mark: str) -> None:
    """Not confirmed, so that nothing is copied."""
    await conn.execute(
        """insert into copy_rule (id, account_id, address, sender, tag)
           values ($1, $2, $3::text || '@copies.test', $3::text || '@a.test', $3)""",
        id,
        owner,
        mark,
    )


_MAKERS: dict[str, _Maker] = {
    "account": _account,
    "message": _message,
    "recipient": _message,
    "credential": _credential,
    "member": _member,
    "invitation": _invitation,
    "session": _session,
    "source": _source,
    "plan": _plan,
    "order": _order,
    "template": _template,
    "footer": _footer,
    "copy_rule": _copy_rule,
    "unsubscribe_tag": _unsubscribe_tag,
    "suppression": _suppression,
    "dead_link": _dead_link,
}

KINDS = frozenset(_MAKERS)
"""What can be made: every kind that `tests.support.questions.IDS` names."""


async def make(conn: asyncpg.Connection, kind: str, owner: UUID, mark: str) -> str:
    """Make a thing of this kind for an account; return its id. An account is made below it."""
    id = new_id()
    await _MAKERS[kind](conn, id, owner, mark)
    return str(id)
