"""The tables of tenancy, one file a noun; no logic. Tortoise finds the models by these names."""

from tenants.models.account import Account, AccountHost, AccountKind
from tenants.models.credential import Attempts, Credential, CredentialKind
from tenants.models.credits import Balance, CreditEntry
from tenants.models.member import Member, Session

__all__ = [
    "Account",
    "AccountHost",
    "AccountKind",
    "Attempts",
    "Balance",
    "Credential",
    "CredentialKind",
    "CreditEntry",
    "Member",
    "Session",
]
