"""Which tables stand behind the wall between tenants, and why not the others? Written by hand, for each table of the database.

`WALLED` says whose a row is, as SQL that finds the rows of account `$1`; `OPEN` says why a table needs no wall. A table
that is in neither fails `test_walls.py`: whoever makes one decides here (docs/decisions/0007).
"""

WALLED: dict[str, str] = {
    # The account's own, by its id.
    **dict.fromkeys(
        (
            "account_host",
            "attempt",
            "audit_entry",
            "balance",
            "copy_rule",
            "credential",
            "credit_alert",
            "credit_entry",
            "credit_grant",
            "domain",
            "event",
            "invitation",
            "killed_link",
            "long_target",
            "member",
            "message",
            "month_use",
            "plan",
            "plan_order",
            "recipient",
            "source",
            "standing",
            "suppression",
            "tally",
            "template",
            "treatment",
            "unsubscribe_tag",
            "visit",
        ),
        "account_id = $1",
    ),
    "account": "id = $1",
    "sign_up": "brand_id = $1",
    # By what they belong to.
    "body": "message_id in (select id from message where account_id = $1)",
    "dkim_key": "domain_id in (select id from domain where account_id = $1)",
    "domain_host": "domain_id in (select id from domain where account_id = $1)",
    "password_reset": "member_id in (select id from member where account_id = $1)",
    "recovery_code": "member_id in (select id from member where account_id = $1)",
    "returned_mail": "recipient_id in (select id from recipient where account_id = $1)",
    "session": "member_id in (select id from member where account_id = $1)",
}

OPEN: dict[str, str] = {
    "attempts": "Counters of failed tries by address and name, kept before anybody is known.",
    "rate_use": "Counters by a credential's id, kept beside the charge; they name nobody.",
    "clock_shift": "One row, the platform's clock; the API reads it only.",
    "tortoise_migrations": "Names of migrations; the API reads it only.",
    "ledger_epoch": "One row, the present epoch; the API reads it only.",
    "fold_position": "One row, how far the ledger has been counted; the API cannot even read it.",
}

READ_ONLY = {"clock_shift", "tortoise_migrations", "ledger_epoch", "seen_account"}
"""What the API's role may read and never write; the view among them would write past the wall."""

CLOSED = {"fold_position"}
"""What it may not even read."""

APPEND_ONLY = {"event", "credit_entry", "audit_entry"}
"""Facts and entries: it adds to them and never changes them."""

THROUGH: dict[str, str] = {
    "seen_accounts": "The ids that a transaction may see, for the policies themselves.",
    "sees_all": "Whether a transaction acts for the operator, for the policies themselves: yes or no.",
    "livery_line": "The ids above an account, for who submits mail.",
    "account_of": "Whose a login, a session, a key or a link is, before anybody is known: an id.",
    "host_brands": "Name and colour by host, shown to strangers by design.",
    "of_one_line": "Whether of two accounts one is above the other: yes or no.",
    "domain_owners": "Who has verified a domain, so that nobody sends as somebody else.",
    "account_state": "How a line of accounts stands, suspension above included: a word.",
    "account_credits": "What an account may spend, of a pool above it too: a number, for accounts that are seen.",
    "letterhead": "Brand and host above an account, for mail to its people, for accounts that are seen.",
    "sender_face": "Brand and privacy policy above an account, for its recipients, for accounts that are seen.",
    "platform_suppressed": "Of addresses that are named, which are on everybody's list; not why.",
    "account_by_referral": "Whose a referral code is: an id.",
    "operator_account": "The top of the tree: an id.",
    "dead_links": "Which links lead nowhere any more: ids of accounts and addresses.",
    "link_hosts": "Which hosts are accounts', as the DNS tells everybody; not whose.",
    "long_links": "Where long tracking links lead, by their random ids, without whose they are.",
    "partner_months": "Sums of what partners brought, for partners that are seen.",
}
"""The reviewed ways through the wall: functions with the owner's eyes, each with what it lets out."""
