"""Who may ask for what? Every root field of the API by who asks, written by hand so that a new field needs a decision.

A column each: nobody signed in; a member of each role; an API key with every permission; one that may only read.

    DATA       let in: answered within what the asker's scope sees, be it by a Problem about the input
    NOBODY     answered with null: there is nobody to speak of
    REFUSED    UNAUTHENTICATED, and nothing happened
    FORBIDDEN  FORBIDDEN: known, but the role does not allow it, and nothing happened

`tests/house/test_schema.py` fails for a field that is missing here; `tests/flows/test_roles.py` asks each in each role.
Write each row out. Nothing may derive one from the permissions that the code demands: then it would prove nothing.
"""

from enum import Enum
from typing import NamedTuple


class Answer(Enum):
    """What somebody gets who asks."""

    DATA = "data"
    NOBODY = "nobody"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"


class Access(NamedTuple):
    """The answers, by who asks."""

    anonymous: Answer
    owner: Answer
    admin: Answer
    sender: Answer
    analyst: Answer
    billing: Answer
    key: Answer
    read_key: Answer


DATA, NOBODY, REFUSED, FORBIDDEN = Answer

MATRIX: dict[str, Access] = {
    # Access(anonymous, owner, admin, sender, analyst, billing, key, read_key)
    "Query.me": Access(NOBODY, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Query.messages": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.message": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.recipients": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.recipient": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.events": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.latestEvents": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.statistics": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.smtpSettings": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.credentials": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.credential": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.members": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.invitations": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.invitationOffer": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Query.sessions": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Query.auditEntries": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.subAccounts": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.account": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.sources": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.partnerReport": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Query.credits": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Query.creditEntries": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Query.creditAlerts": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Query.plans": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Query.offers": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Query.orders": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Query.engagement": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.deadLinks": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.suppressions": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.bounces": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.complaints": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.unsubscribes": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.unsubscribeTags": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.unsubscribePage": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.templates": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.template": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.previewTemplate": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.treatment": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Query.copyRules": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Mutation.login": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.loginSecondFactor": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.logout": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.requestPasswordReset": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.resetPassword": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.changePassword": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.beginSecondFactor": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.confirmSecondFactor": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.disableSecondFactor": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.renewRecoveryCodes": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.endSession": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.endOtherSessions": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.enterAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    "Mutation.leaveAccount": Access(REFUSED, DATA, DATA, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN),
    "Mutation.inviteMember": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.resendInvitation": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.revokeInvitation": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.acceptInvitation": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.changeMemberRole": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.removeMember": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.sendMail": Access(REFUSED, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.createCredential": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.updateCredential": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.disableCredential": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.enableCredential": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.revokeCredential": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.createSubAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.updateAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.moveAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.suspendAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.resumeAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.deleteAccount": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    # The operator's people only; nobody of the columns is.
    "Mutation.createUnsubscribeTag": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.updateUnsubscribeTag": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.deleteUnsubscribeTag": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.createSource": Access(
        REFUSED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN
    ),
    "Mutation.updateSource": Access(
        REFUSED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN
    ),
    "Mutation.killLink": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.reviveLink": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.signUp": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.confirmSignUp": Access(DATA, DATA, DATA, DATA, DATA, DATA, DATA, DATA),
    "Mutation.handDownCredits": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.takeBackCredits": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.releaseMessages": Access(REFUSED, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.cancelMessages": Access(REFUSED, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.createPlan": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.archivePlan": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.orderPlan": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.fulfilOrder": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.cancelOrder": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.renewPaymentSecret": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, DATA, FORBIDDEN),
    "Mutation.addSuppression": Access(REFUSED, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.removeSuppression": Access(REFUSED, DATA, DATA, DATA, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.createTemplate": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.updateTemplate": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.deleteTemplate": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.htmlToText": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
    "Mutation.updateTreatment": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.createCopyRule": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.askForCopiesAgain": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    "Mutation.deleteCopyRule": Access(REFUSED, DATA, DATA, FORBIDDEN, FORBIDDEN, FORBIDDEN, DATA, FORBIDDEN),
    # The operator's people only.
    "Mutation.waiveCopies": Access(
        REFUSED, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN
    ),
    "Subscription.events": Access(REFUSED, DATA, DATA, DATA, DATA, FORBIDDEN, DATA, DATA),
}
