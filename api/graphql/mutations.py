"""What can be changed? The root of every change, with its nouns each in a file of its own."""

import strawberry

from api.graphql.copies import ask_for_copies_again, create_copy_rule, delete_copy_rule, waive_copies
from api.graphql.credentials import (
    create_credential,
    disable_credential,
    enable_credential,
    revoke_credential,
    update_credential,
)
from api.graphql.credits import hand_down, take_back
from api.graphql.holds import cancel, release
from api.graphql.invitations import accept_invitation, invite_member, resend_invitation, revoke_invitation
from api.graphql.members import change_role, remove_member
from api.graphql.orders import cancel_order, fulfil_order, order_plan
from api.graphql.passwords import change_password, request_reset, reset_password
from api.graphql.plans import archive_plan, create_plan, renew_payment_secret
from api.graphql.second_factor import begin, confirm, disable, renew_codes
from api.graphql.send import send_mail
from api.graphql.session import log_in, log_in_second_factor, log_out
from api.graphql.sessions import end_other_sessions, end_session
from api.graphql.sign_up import confirm_sign_up, sign_up
from api.graphql.sources import create_source, update_source
from api.graphql.sub_accounts import (
    create_sub_account,
    delete_account,
    move_account,
    resume_account,
    suspend_account,
    update_account,
)
from api.graphql.suppressions import add_suppression, remove_suppression
from api.graphql.templates import create_template, delete_template, html_to_text, update_template
from api.graphql.tracking import kill_link, revive_link
from api.graphql.treatments import update_treatment
from api.graphql.unsubscribes import create_tag, delete_tag, update_tag
from api.graphql.visits import enter_account, leave_account


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
    kill_link = strawberry.field(
        resolver=kill_link,
        description="Let the tracked links to `target`, as it was written in the mail, lead nowhere from now on (within "
        "seconds), or without a `target` every tracked link of the account. Whoever follows one is told so.",
    )
    revive_link = strawberry.field(
        resolver=revive_link, description="Let a dead link lead where it led, by its id in `deadLinks`."
    )
    add_suppression = strawberry.field(
        resolver=add_suppression,
        description="Send nothing to an address any more. An entry that stands is answered as it is.",
    )
    remove_suppression = strawberry.field(
        resolver=remove_suppression,
        description="Take an entry off its list. Where the recipient complained, only owners and admins may.",
    )
    create_unsubscribe_tag = strawberry.field(
        resolver=create_tag,
        description="Write a disclaimer in one of eight languages; the answer has the tag to copy into mails.",
    )
    update_unsubscribe_tag = strawberry.field(
        resolver=update_tag, description="Change a tag: mail that is still to leave says it the new way."
    )
    delete_unsubscribe_tag = strawberry.field(
        resolver=delete_tag,
        description="Delete a tag: mail that names it says it with the account's chosen or first one.",
    )
    create_template = strawberry.field(
        resolver=create_template,
        description="Keep a template (around mail) or a footer (under it). What may not stand in mail is left out: the "
        "answer says what is kept.",
    )
    update_template = strawberry.field(
        resolver=update_template, description="Edit a template or footer. Mail that leaves half a minute later has it."
    )
    delete_template = strawberry.field(
        resolver=delete_template, description="Delete a template or footer. Who had chosen it has the default."
    )
    html_to_text = strawberry.field(
        resolver=html_to_text,
        description='"HTML to text": what such HTML says in plain text. Nothing is kept.',
    )
    update_treatment = strawberry.field(
        resolver=update_treatment,
        description="Choose what is done to an account's mail on its way out, or to what comes by one credential.",
    )
    create_copy_rule = strawberry.field(
        resolver=create_copy_rule,
        description="Have a copy of each message go to an address too, once it has agreed by the link it is mailed.",
    )
    ask_for_copies_again = strawberry.field(
        resolver=ask_for_copies_again,
        description="Mail the link again, for a rule that waits for it or was stopped by a bounce.",
    )
    delete_copy_rule = strawberry.field(resolver=delete_copy_rule, description="Have no more copies made by a rule.")
    waive_copies = strawberry.field(
        resolver=waive_copies,
        description="Let an account's copies cost nothing, or as much as all else. Operator only.",
    )
