"""What can be asked? The root of everything that is read, with its nouns each in a file of its own."""

import strawberry

from api.graphql.accounts import mail_setup
from api.graphql.audit import list_entries
from api.graphql.copies import list_copy_rules
from api.graphql.credentials import find_credential, list_credentials
from api.graphql.credits import find_credits, list_alerts, list_credit_entries
from api.graphql.events import read_events, read_latest
from api.graphql.invitations import find_offer, list_invitations
from api.graphql.me import who
from api.graphql.members import list_members
from api.graphql.messages import find_message, list_messages
from api.graphql.orders import list_orders
from api.graphql.partners import partner_report
from api.graphql.plans import list_offers, list_plans
from api.graphql.previews import preview_template
from api.graphql.recipients import find_recipient, list_recipients
from api.graphql.sessions import list_sessions
from api.graphql.setbacks import list_bounces, list_complaints
from api.graphql.sources import list_sources
from api.graphql.statistics import count
from api.graphql.sub_accounts import find_account, list_accounts
from api.graphql.suppressions import list_suppressions
from api.graphql.templates import find_template, list_templates
from api.graphql.tracking import find_engagement, list_dead_links
from api.graphql.treatments import find_treatment
from api.graphql.unsubscribes import find_page, list_tags, list_unsubscribes


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
    engagement = strawberry.field(
        resolver=find_engagement,
        description="How people dealt with the mail from `from` up to `to` (at most 400 days): of everything one sees, or of "
        "one account. With `machines` programs and links count theirs, too.",
    )
    dead_links = strawberry.field(
        resolver=list_dead_links,
        description="Which tracked links lead nowhere any more: the newest hundred of one account, one's own unless "
        "`accountId` names one below.",
    )
    suppressions = strawberry.field(
        resolver=list_suppressions,
        description="To whom one account sends nothing, one's own unless `accountId` names one below, the newest entries "
        "first. With `forEverybody` the list that holds for everybody; the operator's people only.",
    )
    bounces = strawberry.field(
        resolver=list_bounces,
        description="Mail of one's own account and those below it that was refused for good or given up, the newest first.",
    )
    complaints = strawberry.field(
        resolver=list_complaints,
        description="Who reported mail of one's own account and those below it as spam, the newest first.",
    )
    unsubscribes = strawberry.field(
        resolver=list_unsubscribes,
        description="Who wants no more mail of one's own account and those below it, and has not taken it back; newest first.",
    )
    unsubscribe_tags = strawberry.field(
        resolver=list_tags,
        description="The unsubscribe tags of one account, one's own unless `accountId` names one below, by their numbers.",
    )
    unsubscribe_page = strawberry.field(
        resolver=find_page,
        description="How the page looks by which recipients unsubscribe: in one of en fr de he it pt ru es, with the face of "
        "one's own account unless `accountId` names one below.",
    )
    templates = strawberry.field(
        resolver=list_templates,
        description="Templates and footers of one account, one's own unless `accountId` names one below, by name.",
    )
    template = strawberry.field(
        resolver=find_template, description="One template or footer; null where there is none of that id to be seen."
    )
    preview_template = strawberry.field(
        resolver=preview_template,
        description="How a message looks with a template or footer that is kept, or is being written; nothing is kept.",
    )
    treatment = strawberry.field(
        resolver=find_treatment,
        description="What is done to mail on its way out, as chosen for an account, one's own unless named, or for one of "
        "its credentials.",
    )
    copy_rules = strawberry.field(
        resolver=list_copy_rules,
        description="Who gets copies (BCC) of the mail of one account, one's own unless `accountId` names one below.",
    )
