"""Who may do what? One table of roles, and what each kind of credential is for.

A permission holds in the scope's own account and everything below it. What lies outside is missing, never forbidden
(`tenants.scope`); what lies inside and is not permitted is refused with FORBIDDEN, and nothing happens.

Who acts by a key gives no more than the key has:

    keys      of no more permissions, networks, limits, time than its own, and in its sandbox (`tenants.terms`)
    roles     whose every permission it has; in its own account, where it is bound to networks, limits or an end, none that
              makes keys or members, for those would not be bound. A key of the sandbox gives none (`tenants.members`)
    credits   with CREDITS, whichever field it is that gives, opens or voids them: ACCOUNTS alone makes, moves and deletes
              accounts, and decides nothing that they may spend (`SPENDING`, `WELCOME`, VOID at a deletion, a move out of
              what a monthly limit bounds). A key of the sandbox looks at credits, no more (`tenants.scope`)
    secrets   that are good for ever and from everywhere: not where it is bound to networks or an end, or of the sandbox
              itself (`tenants.payments`)
"""

from enum import StrEnum

from tenants.models import CredentialKind, Role


class Permission(StrEnum):
    """One thing that somebody may be allowed."""

    READ = "read"  # messages, recipients, events, statistics
    SEND = "send"  # submit mail; release and cancel what is held
    ACCOUNTS = "accounts"  # sub-accounts and the account's own settings
    MEMBERS = "members"  # people and their invitations
    KEYS = "keys"  # SMTP credentials and API keys
    CREDITS = "credits"  # grants, limits, plans and orders
    AUDIT = "audit"  # who changed what


_EVERYTHING = frozenset(Permission)

ROLES: dict[Role, frozenset[Permission]] = {
    Role.OWNER: _EVERYTHING,
    Role.ADMIN: _EVERYTHING,  # but nothing that concerns an owner: see `outranks`
    Role.SENDER: frozenset({Permission.READ, Permission.SEND}),
    Role.ANALYST: frozenset({Permission.READ}),
    Role.BILLING: frozenset({Permission.CREDITS}),
}

VISITOR = _EVERYTHING - {Permission.MEMBERS, Permission.KEYS}
"""What a member from above keeps of the own role inside an account that was entered ("log in as"): its people, their
sign-in and its secrets stay out of reach there. From home they are reached by name, for everybody to see."""

MAKERS = frozenset({Permission.MEMBERS, Permission.KEYS})
"""By which others are let in."""

SPENDING = frozenset({"pool_id", "monthly_limit", "sign_up_plan_id"})
"""The columns of an account that open credits; who changes one needs Permission.CREDITS too."""

WELCOME = ("sign_up_open", "sign_up_plan_id", "may_resell")
"""The columns of an account that together give its credits to whoever signs up; setting the last one opens them too."""

_RANK = {Role.OWNER: 2, Role.ADMIN: 1, Role.SENDER: 0, Role.ANALYST: 0, Role.BILLING: 0}

CREDENTIALS: dict[CredentialKind, frozenset[Permission]] = {
    CredentialKind.SMTP: frozenset({Permission.SEND}),
    CredentialKind.SOURCE: frozenset({Permission.SEND}),
    CredentialKind.API: frozenset({Permission.READ, Permission.SEND}),
}
"""What a credential may where it does not say."""


def role_named(name: str) -> Role:
    """The role of this name, for doors, which know no models. Raises ValueError."""
    return Role(name)


def outranks(one: Role, other: Role) -> bool:
    """Whether a member of role `one` may give, change or take away role `other`: nobody reaches above themselves."""
    return _RANK[one] >= _RANK[other] and Permission.MEMBERS in ROLES[one]
