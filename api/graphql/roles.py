"""What may somebody do, in the words of the API? Roles of members, and the permissions that roles and keys give."""

from enum import Enum

import strawberry


@strawberry.enum
class Role(Enum):
    """What a member may do in the account and everything below it."""

    OWNER = strawberry.enum_value("owner", description="Everything. An account keeps at least one.")
    ADMIN = strawberry.enum_value("admin", description="Everything but what concerns an owner.")
    SENDER = strawberry.enum_value("sender", description="Reads and sends mail.")
    ANALYST = strawberry.enum_value("analyst", description="Reads, and changes nothing.")
    BILLING = strawberry.enum_value("billing", description="Credits, plans and orders only.")


@strawberry.enum
class Permission(Enum):
    """One thing that somebody may be allowed."""

    READ = strawberry.enum_value("read", description="Messages, recipients, events, statistics.")
    SEND = strawberry.enum_value("send", description="Submit mail; release and cancel what is held.")
    ACCOUNTS = strawberry.enum_value("accounts", description="Sub-accounts and the account's own settings.")
    MEMBERS = strawberry.enum_value("members", description="People and their invitations.")
    KEYS = strawberry.enum_value("keys", description="SMTP credentials and API keys.")
    CREDITS = strawberry.enum_value("credits", description="Grants, limits, plans and orders.")
    AUDIT = strawberry.enum_value("audit", description="Who changed what.")
