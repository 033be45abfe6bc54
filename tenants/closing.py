"""What becomes of an account's people, keys and settings when it is deleted? Gone at once; its row stays as a tombstone."""

from uuid import UUID

from kit.db import Connection

_NAMELESS = "Deleted account"

# What goes in the transaction of the deletion itself. Sessions, codes and resets go with their members.
_AT_ONCE = (
    "delete from session where acts_for_id = $1",
    # Before the members: whoever is just accepting one is waited for, and then a member like the others.
    "delete from invitation where account_id = $1",
    "delete from member where account_id = $1",
    "delete from sign_up where brand_id = $1",
    "delete from credential where account_id = $1",
    "delete from account_host where account_id = $1",
    "update plan_order set state = 'cancelled' where account_id = $1 and state = 'open'",
    "update plan set archived_at = livery_now() where account_id = $1 and archived_at is null",
    # An address that was its own alone must not become everybody's.
    "update source set account_id = (select parent_id from account where id = $1) where account_id = $1",
)


async def close(conn: Connection, account_id: UUID) -> None:
    """Let nobody in any more and forget what it was called. Its credits must be settled before.

    What it is called then has a colon, which no short name has (`tenants.details`): nobody can have taken it.
    """
    for statement in _AT_ONCE:
        await conn.execute(statement, account_id)
    await conn.execute(
        """update account
              set deleted_at = livery_now(), slug = 'deleted:' || id, name = $2, brand_name = null,
                  brand_color = null, privacy_url = null, source_id = null, monthly_limit = null, alert_below = null,
                  sign_up_open = false, sign_up_plan_id = null, referral_code = null, payment_secret = null,
                  suspended_reason = null
            where id = $1""",
        account_id,
        _NAMELESS,
    )


async def forget(conn: Connection, account_id: UUID) -> None:
    """Nothing of its mail is left: forget what was changed in it, and note that the deletion is finished."""
    for statement in (
        # Those that were being made at the moment of the deletion were not seen by it; they have opened nothing since.
        "delete from member where account_id = $1",
        "delete from credential where account_id = $1",
        "delete from audit_entry where account_id = $1",
        "delete from credit_alert where account_id = $1",
        "delete from month_use where account_id = $1",
        "update account set purged_at = livery_now() where id = $1",
    ):
        await conn.execute(statement, account_id)
