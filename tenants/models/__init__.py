"""The tables of tenancy, one file a noun; no logic. Tortoise finds the models by these names."""

from tenants.models.account import Account, AccountHost, AccountKind, Source, WhenSpent
from tenants.models.audit import AuditEntry
from tenants.models.credential import Attempts, Credential, CredentialKind, RateUse
from tenants.models.credits import (
    Balance,
    CreditAlert,
    CreditEntry,
    CreditGrant,
    MonthUse,
    Plan,
    PlanOrder,
)
from tenants.models.member import Invitation, Member, PasswordReset, RecoveryCode, Role, Session, SignUp

__all__ = [
    "Account",
    "AccountHost",
    "AccountKind",
    "Attempts",
    "AuditEntry",
    "Balance",
    "Credential",
    "CredentialKind",
    "CreditAlert",
    "CreditEntry",
    "CreditGrant",
    "Invitation",
    "Member",
    "MonthUse",
    "PasswordReset",
    "Plan",
    "PlanOrder",
    "RateUse",
    "RecoveryCode",
    "Role",
    "Session",
    "SignUp",
    "Source",
    "WhenSpent",
]
