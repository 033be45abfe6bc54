"""What stands around and under mail? Templates and footers: listed, made, edited, deleted, and their text made of HTML."""

import asyncio
from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.pages import identity, reference
from api.graphql.problems import Problem, refusable
from kit.errors import missing
from mail import templates
from mail.templates import Draft
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.enum
class TemplateKind(Enum):
    """Where it stands."""

    TEMPLATE = strawberry.enum_value(
        "template", description="Around the message, which stands where it says `<% body %>`."
    )
    FOOTER = strawberry.enum_value("footer", description="Under the message, before its closing tags.")


@strawberry.type
class Template:
    """A template or footer, in HTML and in plain text, as it is put into mail."""

    id: strawberry.ID
    account_id: strawberry.ID
    kind: TemplateKind
    name: str
    language: str | None = strawberry.field(
        description="Of a footer: for mail whose Content-Language begins so; null: for all other mail."
    )
    html: str = strawberry.field(
        description="Sanitised: scripts, forms, frames, style sheets and handlers are gone. Show it in a sandboxed frame."
    )
    text: str
    is_default: bool = strawberry.field(description="For mail that names no other; of footers one a language.")
    created_at: datetime
    updated_at: datetime


@strawberry.input
class CreateTemplateInput:
    """A new template or footer of one's own account, or of one below."""

    kind: TemplateKind
    name: str
    html: str = strawberry.field(description="A template holds `<% body %>` once; both may hold `<% unsubscribe 3 %>`.")
    text: str | None = strawberry.field(
        default=None, description="A template's holds `<% body %>` once; null: made of the HTML."
    )
    language: str | None = strawberry.field(default=None, description="Of a footer: two letters, as de.")
    is_default: bool = False
    account_id: strawberry.ID | None = None


@strawberry.input
class UpdateTemplateInput:
    """What changes; a field that is left out stays as it is."""

    id: strawberry.ID
    name: str | None = strawberry.UNSET
    html: str | None = strawberry.UNSET
    text: str | None = strawberry.field(default=strawberry.UNSET, description="Null: made of the HTML anew.")
    language: str | None = strawberry.UNSET
    is_default: bool | None = strawberry.UNSET


@strawberry.type
class DeletedTemplate:
    """Gone. Who had chosen it has the default."""

    id: strawberry.ID


@strawberry.type
class PlainText:
    """What HTML says to those who read plain text."""

    text: str


TemplateResult = Annotated[Template | Problem, strawberry.union("TemplateResult")]
DeleteTemplateResult = Annotated[DeletedTemplate | Problem, strawberry.union("DeleteTemplateResult")]
PlainTextResult = Annotated[PlainText | Problem, strawberry.union("PlainTextResult")]


def template(found: templates.TemplateView) -> Template:
    """A template as clients see it."""
    return Template(
        id=strawberry.ID(str(found.id)),
        account_id=strawberry.ID(str(found.account_id)),
        kind=TemplateKind(found.kind.value),
        name=found.name,
        language=found.language,
        html=found.html,
        text=found.text,
        is_default=found.is_default,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


async def list_templates(
    info: Info, account_id: strawberry.ID | None = None, kind: TemplateKind | None = None
) -> list[Template]:
    """Templates and footers of one account, by name."""
    account = reference(account_id, "account", "accountId") if account_id is not None else None
    async with info.context.read(Permission.READ) as conn:
        found = await templates.templates(
            conn, info.context.scope, account_id=account, kind=templates.TemplateKind(str(kind.value)) if kind else None
        )
    return [template(one) for one in found]


async def find_template(info: Info, id: strawberry.ID) -> Template | None:
    """One of them; null where there is none of that id to be seen."""
    async with info.context.read(Permission.READ) as conn:
        found = await templates.find(conn, info.context.scope, identity(id))
    return template(found) if found else None


@refusable
async def create_template(info: Info, input: CreateTemplateInput) -> TemplateResult:
    """Keep a template or footer."""
    draft = Draft(input.name, input.html, input.text, input.language or None, input.is_default)
    account = reference(input.account_id, "account", "accountId") if input.account_id is not None else None
    async with info.context.change(Permission.ACCOUNTS) as unit:
        made = await templates.create(
            unit,
            info.context.scope,
            draft,
            kind=templates.TemplateKind(str(input.kind.value)),
            account_id=account,
        )
    return template(made)


@refusable
async def update_template(info: Info, input: UpdateTemplateInput) -> TemplateResult:
    """Edit a template or footer."""
    scope = info.context.allowed(Permission.ACCOUNTS)
    given = {
        name: value
        for name in ("name", "html", "text", "language", "is_default")
        if (value := getattr(input, name)) is not strawberry.UNSET
        and (value is not None or name in ("text", "language"))
    }
    async with info.context.change(Permission.ACCOUNTS) as unit:
        before = await templates.find(unit.conn, scope, identity(input.id))
        if before is None:
            raise missing("template")
        draft = Draft(before.name, before.html, before.text, before.language, before.is_default)
        return template(await templates.edit(unit, scope, before.id, replace(draft, **given)))


@refusable
async def delete_template(info: Info, id: strawberry.ID) -> DeleteTemplateResult:
    """Forget a template or footer."""
    async with info.context.change(Permission.ACCOUNTS) as unit:
        gone = await templates.delete(unit, info.context.scope, identity(id))
    return DeletedTemplate(id=strawberry.ID(str(gone.id)))


@refusable
async def html_to_text(info: Info, html: str) -> PlainTextResult:
    """Make the text for an HTML template, as mail without a plain part gets it."""
    info.context.allowed(Permission.READ)
    # Some milliseconds for a long one, as often as it is asked for: nobody else waits for them.
    return PlainText(text=await asyncio.to_thread(templates.text_of, html))
