"""What does each change of the API write into the audit list? By hand, so that a new mutation needs a decision.

`tests/house/test_audit.py` fails for a mutation that is missing here; `tests/api/test_audit.py` makes every one of these
changes and reads what was written, and once more with an audit list that cannot be written: then nothing may have changed.
A text in the place of entries is the reason why there are none.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """One entry: what was done, to what kind of thing, and which of its fields are told with their values before and after."""

    action: str
    target: str | None = None
    fields: frozenset[str] = frozenset()


def _entry(action: str, target: str | None = None, fields: str = "") -> tuple[Entry, ...]:
    return (Entry(action, target, frozenset(fields.split())),)


WRITES: dict[str, tuple[Entry, ...] | str] = {
    "login": "changes nothing of an account: who is signed in where stands in `sessions`",
    "loginSecondFactor": "as login",
    "logout": "as login",
    "sendMail": "every message and what becomes of it is in the ledger, which never changes",
    "signUp": "a stranger's wish: nothing belongs to anybody before `confirmSignUp`",
    "requestPasswordReset": _entry("password.ask", "member"),
    "resetPassword": _entry("password.reset", "member"),
    "changePassword": _entry("password.change", "member"),
    "beginSecondFactor": _entry("second_factor.begin", "member"),
    "confirmSecondFactor": _entry("second_factor.enable", "member", "secondFactor"),
    "disableSecondFactor": _entry("second_factor.disable", "member", "secondFactor"),
    "renewRecoveryCodes": _entry("recovery_codes.renew", "member"),
    "endSession": _entry("session.end", "session"),
    "endOtherSessions": _entry("session.end_others"),
    # One for either side.
    "enterAccount": _entry("account.enter", "account") * 2,
    "leaveAccount": _entry("account.leave", "account") * 2,
    "inviteMember": _entry("invitation.create", "invitation", "email role"),
    "resendInvitation": _entry("invitation.resend", "invitation"),
    "revokeInvitation": _entry("invitation.revoke", "invitation", "email"),
    "acceptInvitation": _entry("invitation.accept", "invitation", "email role"),
    "changeMemberRole": _entry("member.change", "member", "role"),
    "removeMember": _entry("member.remove", "member", "email role"),
    "createCredential": _entry("credential.create", "credential", "kind name username"),
    "updateCredential": _entry("credential.update", "credential", "name"),
    "disableCredential": _entry("credential.disable", "credential", "disabled"),
    "enableCredential": _entry("credential.enable", "credential", "disabled"),
    "revokeCredential": _entry("credential.revoke", "credential", "revoked"),
    "createSubAccount": _entry("account.create", "account", "name slug when_spent"),
    "updateAccount": _entry("account.update", "account", "name"),
    "moveAccount": _entry("account.move", "account", "parent"),
    "suspendAccount": _entry("account.suspend", "account", "reason"),
    "resumeAccount": _entry("account.resume", "account", "reason"),
    "deleteAccount": _entry("account.delete", "account", "name slug credits_returned"),
    "createSource": _entry("source.create", "source", "name ip hostname"),
    "updateSource": _entry("source.update", "source", "name"),
    "confirmSignUp": _entry("account.sign_up", "account", "name"),
    "handDownCredits": _entry("credits.hand_down", "account", "credits"),
    "takeBackCredits": _entry("credits.take_back", "account", "credits"),
    "releaseMessages": _entry("message.release", "message", "recipients"),
    "cancelMessages": _entry("message.cancel", "message", "recipients"),
    "createPlan": _entry("plan.create", "plan", "name credits monthly price_cents currency"),
    "archivePlan": _entry("plan.archive", "plan", "archived_at"),
    "orderPlan": _entry("order.create", "order", "plan"),
    "fulfilOrder": _entry("order.fulfil", "order", "state"),
    "cancelOrder": _entry("order.cancel", "order", "state"),
    "renewPaymentSecret": _entry("payments.renew_secret", "account"),
    "createTemplate": _entry("template.create", "template", "name is_default content"),
    "updateTemplate": _entry("template.update", "template", "name"),
    "deleteTemplate": _entry("template.delete", "template", "name"),
    "htmlToText": "computes and keeps nothing",
    "updateTreatment": _entry("treatment.update", "account", "track_opens"),
    "createCopyRule": _entry("copy_rule.create", "copy_rule", "address"),
    "askForCopiesAgain": _entry("copy_rule.ask", "copy_rule"),
    "deleteCopyRule": _entry("copy_rule.delete", "copy_rule", "address"),
    "waiveCopies": _entry("copies.waive", "account", "free"),
    "killLink": _entry("link.kill", "killed_link", "target reason"),
    "reviveLink": _entry("link.revive", "killed_link", "target reason"),
    "addSuppression": _entry("suppression.add", "suppression", "address reason"),
    "removeSuppression": _entry("suppression.remove", "suppression", "address reason"),
    "createUnsubscribeTag": _entry("unsubscribe_tag.create", "unsubscribe_tag", "number text language"),
    "updateUnsubscribeTag": _entry("unsubscribe_tag.update", "unsubscribe_tag", "text"),
    "deleteUnsubscribeTag": _entry("unsubscribe_tag.delete", "unsubscribe_tag", "number text"),
}
