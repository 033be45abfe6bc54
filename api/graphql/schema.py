"""What can be asked, changed and followed? The three roots, with their nouns each in a file of its own.

`print_sdl()` is what `api/schema.graphql` holds; a change of one without the other fails the build.
"""

from collections.abc import Iterable
from inspect import cleandoc

import strawberry
from graphql import GraphQLError, GraphQLNamedType
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types import ExecutionContext

from api.graphql.accounts import mail_setup
from api.graphql.audit import list_entries
from api.graphql.credentials import (
    create_credential,
    disable_credential,
    enable_credential,
    find_credential,
    list_credentials,
    revoke_credential,
    update_credential,
)
from api.graphql.credits import find_credits, hand_down, list_alerts, list_credit_entries, take_back
from api.graphql.events import read_events, read_latest
from api.graphql.holds import cancel, release
from api.graphql.invitations import (
    accept_invitation,
    find_offer,
    invite_member,
    list_invitations,
    resend_invitation,
    revoke_invitation,
)
from api.graphql.limits import Limits
from api.graphql.live import follow
from api.graphql.me import who
from api.graphql.members import change_role, list_members, remove_member
from api.graphql.messages import find_message, list_messages
from api.graphql.orders import cancel_order, fulfil_order, list_orders, order_plan
from api.graphql.partners import partner_report
from api.graphql.passwords import change_password, request_reset, reset_password
from api.graphql.plans import archive_plan, create_plan, list_offers, list_plans, renew_payment_secret
from api.graphql.recipients import find_recipient, list_recipients
from api.graphql.scalars import SCALARS
from api.graphql.second_factor import begin, confirm, disable, renew_codes
from api.graphql.send import send_mail
from api.graphql.session import log_in, log_in_second_factor, log_out
from api.graphql.sessions import end_other_sessions, end_session, list_sessions
from api.graphql.sign_up import confirm_sign_up, sign_up
from api.graphql.sources import create_source, list_sources, update_source
from api.graphql.statistics import count
from api.graphql.sub_accounts import (
    create_sub_account,
    delete_account,
    find_account,
    list_accounts,
    move_account,
    resume_account,
    suspend_account,
    update_account,
)
from api.graphql.visits import enter_account, leave_account


@strawberry.type
class Query:
    """Everything that can be read."""

    me = strawberry.field(resolver=who, description="Who is asking: null when nobody is signed in.")
    messages = strawberry.field(resolver=list_messages, description="Messages, newest first.")
    message = strawberry.field(
        resolver=find_message, description="One message; null where there is none of that id to be seen."
    )
    recipients = strawberry.field(resolver=list_recipients, description="One line a recipient, newest first.")
    recipient = strawberry.field(
        resolver=find_recipient, description="One recipient; null where there is none of that id to be seen."
    )
    events = strawberry.field(
        resolver=read_events, description="The ledger, oldest first, from a cursor; without one, from its start."
    )
    latest_events = strawberry.field(
        resolver=read_latest,
        description="The newest events, newest first: to fill a feed before following it from its first cursor.",
    )
    statistics = strawberry.field(
        resolver=count,
        description="Counts of a period in buckets; the period is widened to whole buckets. Days begin in `timeZone` "
        "(IANA name), by default the account's own.",
    )
    smtp_settings = strawberry.field(
        resolver=mail_setup, description="How a mail program is set up to send for this account."
    )
    sub_accounts = strawberry.field(
        resolver=list_accounts,
        description="Accounts below one (`below`, one's own unless given), newest first: its children, or with `deep` "
        "everything under it. `search` looks in name and short name.",
    )
    account = strawberry.field(
        resolver=find_account, description="One account; null where there is none of that id to be seen."
    )
    sources = strawberry.field(
        resolver=list_sources,
        description="The addresses that mail may leave from: shared ones, and those dedicated to accounts one sees.",
    )
    partner_report = strawberry.field(
        resolver=partner_report,
        description="Sign-ups and mail by partner and month, newest first: of one account, or of all one sees that have "
        "a referral code.",
    )
    credentials = strawberry.field(
        resolver=list_credentials,
        description="SMTP users, API keys and networks of one account, by default one's own, newest first; revoked ones "
        "where asked for. With `createdBy`, those that this member made or had made before being removed, also in the "
        "accounts below unless `accountId` names one.",
    )
    credential = strawberry.field(
        resolver=find_credential, description="One credential; null where there is none of that id to be seen."
    )
    members = strawberry.field(
        resolver=list_members,
        description="The members of one account, one's own unless `accountId` names one below, the newest first.",
    )
    invitations = strawberry.field(
        resolver=list_invitations,
        description="The newest hundred open invitations of one account, one's own unless `accountId` names one below.",
    )
    invitation_offer = strawberry.field(
        resolver=find_offer,
        description="What the invitation with this token offers; null where its link is no good any more. "
        "For anybody who has the link: the token is what follows the # in its address.",
    )
    sessions = strawberry.field(
        resolver=list_sessions, description="The browsers in which the asking member is signed in, the last used first."
    )
    audit_entries = strawberry.field(
        resolver=list_entries,
        description="Who changed what in everything that the asker sees, newest first; of one account, or of one "
        "`action` or those that begin so (`member.`).",
    )
    credits = strawberry.field(
        resolver=find_credits,
        description="What an account, one's own unless `accountId` names one below, can still send; null where there is "
        "none of that id to be seen.",
    )
    credit_entries = strawberry.field(
        resolver=list_credit_entries,
        description="The credit ledger of an account, one's own unless `accountId` names one below, newest first.",
    )
    credit_alerts = strawberry.field(
        resolver=list_alerts,
        description="When credits of one's own account and those below fell below `alertBelow`, newest first.",
    )
    plans = strawberry.field(resolver=list_plans, description="What one's own account sells or has sold, newest first.")
    offers = strawberry.field(
        resolver=list_offers, description="The plans that can be ordered from the account above, the cheapest first."
    )
    orders = strawberry.field(
        resolver=list_orders, description="Orders of one's own account and of those below, newest first."
    )


@strawberry.type
class Mutation:
    """Everything that can be changed. A browser's request needs the header X-Requested-With."""

    login = strawberry.field(resolver=log_in, description="Sign in on this host; the answer sets the session's cookie.")
    login_second_factor = strawberry.field(
        resolver=log_in_second_factor, description="The second step of a login, where `login` asked for it."
    )
    logout = strawberry.field(resolver=log_out, description="Sign this browser out. True when it was signed in.")
    request_password_reset = strawberry.field(
        resolver=request_reset,
        description="Have a link for a new password mailed: good for one hour, once. Every address gets the same answer.",
    )
    reset_password = strawberry.field(
        resolver=reset_password,
        description="Choose a new password by the token of the mailed link (what follows the # in its address). Every "
        "session of the member ends; a second factor stays as it is.",
    )
    change_password = strawberry.field(
        resolver=change_password, description="Choose a new password with the present one; other sessions end."
    )
    begin_second_factor = strawberry.field(
        resolver=begin, description="Make a secret for an authenticator; `confirmSecondFactor` puts it in force."
    )
    confirm_second_factor = strawberry.field(
        resolver=confirm, description="Put the second factor in force with a first code of the authenticator."
    )
    disable_second_factor = strawberry.field(
        resolver=disable, description="Turn the second factor off, with the password or a code."
    )
    renew_recovery_codes = strawberry.field(
        resolver=renew_codes, description="Ten fresh recovery codes in place of the old, with the password or a code."
    )
    end_session = strawberry.field(
        resolver=end_session, description="Sign out one of one's own browsers, live connections included."
    )
    end_other_sessions = strawberry.field(
        resolver=end_other_sessions, description="Sign out all of one's own browsers but this one."
    )
    enter_account = strawberry.field(
        resolver=enter_account,
        description='Act for an account below ("log in as") with one\'s own role, but without its people and keys. It '
        "is written down on both sides.",
    )
    leave_account = strawberry.field(resolver=leave_account, description="Act for one's own account again.")
    invite_member = strawberry.field(
        resolver=invite_member,
        description="Mail a link, good for seven days, by which a person becomes a member of one's own account, or of "
        "one below it. An address has one open invitation to an account.",
    )
    resend_invitation = strawberry.field(
        resolver=resend_invitation, description="Mail a fresh link for seven days; the one before is no good any more."
    )
    revoke_invitation = strawberry.field(resolver=revoke_invitation, description="Take an invitation back.")
    accept_invitation = strawberry.field(
        resolver=accept_invitation,
        description="Become a member by the token of an invitation's link; the answer signs in on this host.",
    )
    change_member_role = strawberry.field(
        resolver=change_role,
        description="Give a member another role: none above one's own, and an account keeps an owner. Credentials that "
        "the person made go on; the answer says how many.",
    )
    remove_member = strawberry.field(
        resolver=remove_member,
        description="Let a member in no more; all sessions of the person end. The last owner stays. Credentials that the "
        "person made go on; the answer says how many.",
    )
    send_mail = strawberry.field(
        resolver=send_mail,
        description="Send one message. When the answer has an id, it is stored and charged; delivery follows.",
    )
    create_credential = strawberry.field(
        resolver=create_credential,
        description="Make an SMTP user, an API key or a network. The secret is in this answer and can never be read again.",
    )
    update_credential = strawberry.field(
        resolver=update_credential,
        description="Change a credential's name, permissions, networks, limits, sandbox or end. Holds within 5 seconds.",
    )
    disable_credential = strawberry.field(
        resolver=disable_credential, description="Switch a credential off. Nobody is let in with it within 5 seconds."
    )
    enable_credential = strawberry.field(resolver=enable_credential, description="Switch a credential on again.")
    revoke_credential = strawberry.field(
        resolver=revoke_credential,
        description="End a credential for ever. Nobody is let in with it within 5 seconds: new logins, open SMTP sessions "
        "and WebSockets.",
    )
    create_sub_account = strawberry.field(
        resolver=create_sub_account,
        description="Make an account in one call: details, credits, source, sender domain, brand and first member, or nothing.",
    )
    update_account = strawberry.field(
        resolver=update_account, description="Change an account's settings, one's own or those of one below."
    )
    move_account = strawberry.field(
        resolver=move_account,
        description="Put an account and everything below it under another one (`below`); both must be visible.",
    )
    suspend_account = strawberry.field(
        resolver=suspend_account,
        description="Stop an account and everything below it, for a reason that its people are shown. Called again, it "
        "changes the reason.",
    )
    resume_account = strawberry.field(
        resolver=resume_account, description="Set a suspended account going again; held mail leaves within seconds."
    )
    delete_account = strawberry.field(
        resolver=delete_account,
        description="Delete an account for ever. `name` is its name, typed. It must have no sub-accounts. Its people, keys "
        "and data go; sums and the ledger of credits stay.",
    )
    create_source = strawberry.field(
        resolver=create_source, description="Add an address that mail leaves from. Operator only."
    )
    update_source = strawberry.field(
        resolver=update_source, description="Change an address that mail leaves from. Operator only."
    )
    sign_up = strawberry.field(
        resolver=sign_up,
        description="Ask for an account on this host. The answer is the same for known addresses; a mail says the rest.",
    )
    confirm_sign_up = strawberry.field(
        resolver=confirm_sign_up,
        description="Make the account that a mailed link stands for, and sign its owner in on this host.",
    )
    hand_down_credits = strawberry.field(
        resolver=hand_down,
        description="Give an account below some of one's own credits, the earliest to expire first. The operator's are "
        "made anew.",
    )
    take_back_credits = strawberry.field(
        resolver=take_back,
        description="Take back what one's account has given and the one below has not spent, the latest to expire first.",
    )
    release_messages = strawberry.field(
        resolver=release,
        description="Let held messages go, up to 100 and all or none: those that came in without credit are charged now, "
        "or the answer says what is missing.",
    )
    cancel_messages = strawberry.field(
        resolver=cancel,
        description="Withdraw up to 100 messages that wait (held, queued or deferred); what was paid for the recipients "
        "concerned is given back.",
    )
    create_plan = strawberry.field(
        resolver=create_plan, description="Offer a plan to the accounts right below one's own."
    )
    archive_plan = strawberry.field(
        resolver=archive_plan, description="Sell a plan no longer. Where it runs it goes on."
    )
    order_plan = strawberry.field(resolver=order_plan, description="Order one of `offers` for one's own account.")
    fulfil_order = strawberry.field(
        resolver=fulfil_order,
        description="Give the buyer what was ordered, from the seller's credits; of a monthly plan this month's, and from "
        "then on each month's. With a `paymentReference`, saying it again changes nothing.",
    )
    cancel_order = strawberry.field(
        resolver=cancel_order,
        description="Withdraw an open order, or end a monthly plan: what it has given stays.",
    )
    renew_payment_secret = strawberry.field(
        resolver=renew_payment_secret,
        description="Make the secret with which a payment provider signs that an order is paid (docs: payments). The one "
        "before is good no more.",
    )


@strawberry.type
class Subscription:
    """Everything that can be followed, over graphql-transport-ws."""

    events = strawberry.subscription(
        resolver=follow,
        description="Replays the ledger after a cursor, then follows it live. Without a cursor it starts now. "
        "The first batch comes at once, later ones at most every 100 ms.",
    )


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing here: `api.errors` logs what is ours to mend, once, and a client's own faults never fill a disk."""


def _describe(types: Iterable[GraphQLNamedType]) -> None:
    """Let every type's docstring be its description for clients: one text, written once."""
    for type_ in types:
        definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        origin = getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None)
        if type_.description is None and origin is not None and origin.__doc__:
            type_.description = cleandoc(origin.__doc__)


schema = _Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[Limits],
    config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=True),
)

_describe(schema._schema.type_map.values())


def print_sdl() -> str:
    """The schema in GraphQL's own language, as it is committed."""
    return schema.as_str().strip() + "\n"
