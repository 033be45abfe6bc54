"""What is done to an account's mail on its way out, and to what comes by one credential? Asked and chosen."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from api.context import Context
from api.graphql.pages import reference
from api.graphql.problems import Problem, refusable
from mail import choices
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]

_IDS = {"template_id": "template", "footer_id": "footer", "unsubscribe_tag_id": "tag"}


@strawberry.type
class Treatment:
    """
    What an account, or one of its credentials, has chosen. Null is "as the account" for a credential, and for an account
    "as usual": the default template and footer, no tracking, the unsubscribe header only where a tag stands in the text.
    """

    account_id: strawberry.ID
    credential_id: strawberry.ID | None = strawberry.field(description="Null: what holds for the whole account.")
    template_id: strawberry.ID | None
    footer_id: strawberry.ID | None
    no_template: bool = strawberry.field(description="No template, whatever is the default.")
    no_footer: bool = strawberry.field(description="No footer, whatever is the default.")
    track_opens: bool | None
    track_clicks: bool | None
    track_text: bool | None = strawberry.field(description="Links of plain text too, where clicks are tracked.")
    list_unsubscribe: bool | None = strawberry.field(
        description="The List-Unsubscribe header on all mail, not only where a tag stands in the text."
    )
    unsubscribe_tag_id: strawberry.ID | None = strawberry.field(description="For links that name no tag.")
    forward_returns: bool | None = strawberry.field(description="Bounces go on to the sender once they are judged.")
    whole_ip: bool | None = strawberry.field(
        description="Opens and clicks keep the whole IP address, not its network alone. Of accounts only."
    )
    visit_days: int | None = strawberry.field(
        description="""
        Days after which details of opens and clicks (program, network, country, link) are forgotten; null: 400. What they
        add up to stays. Of accounts only.
        """
    )
    free_copies: bool = strawberry.field(description="Of accounts: their copies (BCC) cost nothing.")


@strawberry.input
class UpdateTreatmentInput:
    """What changes; a field that is left out stays as it is, null takes the choice back."""

    account_id: strawberry.ID | None = strawberry.field(default=None, description="One's own unless given.")
    credential_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only what comes by this credential; null: everything of the account."
    )
    template_id: strawberry.ID | None = strawberry.UNSET
    footer_id: strawberry.ID | None = strawberry.UNSET
    no_template: bool | None = strawberry.field(default=strawberry.UNSET, description="In the place of a template.")
    no_footer: bool | None = strawberry.field(default=strawberry.UNSET, description="In the place of a footer.")
    track_opens: bool | None = strawberry.UNSET
    track_clicks: bool | None = strawberry.UNSET
    track_text: bool | None = strawberry.UNSET
    list_unsubscribe: bool | None = strawberry.UNSET
    unsubscribe_tag_id: strawberry.ID | None = strawberry.UNSET
    forward_returns: bool | None = strawberry.UNSET
    whole_ip: bool | None = strawberry.UNSET
    visit_days: int | None = strawberry.field(default=strawberry.UNSET, description="1 to 400.")


TreatmentResult = Annotated[Treatment | Problem, strawberry.union("TreatmentResult")]


def treatment(found: choices.ChoiceView) -> Treatment:
    """A choice as clients see it."""
    chosen = found.choice
    return Treatment(
        account_id=strawberry.ID(str(found.account_id)),
        credential_id=_id(found.credential_id),
        template_id=_id(chosen.template_id),
        footer_id=_id(chosen.footer_id),
        no_template=chosen.template_id == choices.NONE,
        no_footer=chosen.footer_id == choices.NONE,
        track_opens=chosen.track_opens,
        track_clicks=chosen.track_clicks,
        track_text=chosen.track_text,
        list_unsubscribe=chosen.list_unsubscribe,
        unsubscribe_tag_id=_id(chosen.unsubscribe_tag_id),
        forward_returns=chosen.forward_returns,
        whole_ip=chosen.whole_ip,
        visit_days=chosen.visit_days,
        free_copies=found.free_copies,
    )


async def find_treatment(
    info: Info, account_id: strawberry.ID | None = None, credential_id: strawberry.ID | None = None
) -> Treatment:
    """What is chosen for an account, or for one of its credentials."""
    account, credential = _whose(account_id, credential_id)
    async with info.context.read(Permission.READ) as conn:
        found = await choices.choice(conn, info.context.scope, account_id=account, credential_id=credential)
    return treatment(found)


@refusable
async def update_treatment(info: Info, input: UpdateTreatmentInput) -> TreatmentResult:
    """Choose."""
    info.context.allowed(Permission.ACCOUNTS)
    account, credential = _whose(input.account_id, input.credential_id)
    async with info.context.change(Permission.ACCOUNTS) as unit:
        found = await choices.choose(
            unit, info.context.scope, _changes(input), account_id=account, credential_id=credential
        )
    return treatment(found)


def _changes(input: UpdateTreatmentInput) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in choices.NAMES:
        value = getattr(input, name)
        if value is not strawberry.UNSET:
            thing = _IDS.get(name)
            changes[name] = reference(value, thing, choices.CAMEL[name]) if thing and value is not None else value
    for name, none in (("template_id", input.no_template), ("footer_id", input.no_footer)):
        if none is True:
            changes[name] = choices.NONE
        elif none is False and name not in changes:
            changes[name] = None
    return changes


def _whose(account_id: str | None, credential_id: str | None) -> tuple[UUID | None, UUID | None]:
    return (
        None if account_id is None else reference(account_id, "account", "accountId"),
        None if credential_id is None else reference(credential_id, "credential", "credentialId"),
    )


def _id(id: UUID | None) -> strawberry.ID | None:
    return None if id is None or id == choices.NONE else strawberry.ID(str(id))
