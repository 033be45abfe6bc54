"""How does mail look with a template or footer, before it is kept or chosen?"""

from typing import Annotated

import strawberry

from api.context import Context
from api.graphql.pages import identity, reference
from api.graphql.problems import Problem, refusable
from api.graphql.templates import TemplateKind
from kit.errors import invalid, missing
from mail import previews, templates
from mail.templates import Draft
from tenants.permissions import Permission

Info = strawberry.Info[Context, None]


@strawberry.input
class PreviewInput:
    """What is to be seen: a template or footer that is kept, or one that is being written."""

    template_id: strawberry.ID | None = strawberry.field(default=None, description="One that is kept.")
    kind: TemplateKind = TemplateKind.TEMPLATE
    html: str | None = strawberry.field(default=None, description="One that is being written.")
    text: str | None = strawberry.field(default=None, description="Null: made of the HTML.")
    message_id: strawberry.ID | None = strawberry.field(default=None, description="In this message; null: in a sample.")


@strawberry.type
class Preview:
    """A message with a template or footer, as it would leave; links and pixel of tracking are not in it."""

    html: str | None = strawberry.field(
        description="Null where the message has no HTML. It holds what the message holds: show it in a sandboxed frame."
    )
    text: str | None = strawberry.field(description="Null where the message has no plain text.")
    note: str | None = strawberry.field(description="Why nothing would be added, where that is so.")


PreviewResult = Annotated[Preview | Problem, strawberry.union("PreviewResult")]


@refusable
async def preview_template(info: Info, input: PreviewInput) -> PreviewResult:
    """Put it into a message, and keep nothing."""
    scope = info.context.allowed(Permission.READ)
    message_id = reference(input.message_id, "message", "messageId") if input.message_id is not None else None
    kind = templates.TemplateKind(str(input.kind.value))
    draft = Draft("preview", input.html or "", input.text)
    async with info.context.read(Permission.READ) as conn:
        if input.template_id is not None:
            found = await templates.find(conn, scope, identity(input.template_id))
            if found is None:
                raise missing("template")
            kind, draft = found.kind, Draft(found.name, found.html, found.text)
        elif input.html is None and message_id is None:
            raise invalid("There is nothing to be seen.", "html", next="Give html, or the id of a template.")
        shown = await previews.preview(conn, scope, draft, kind, message_id=message_id)
    return Preview(html=shown.html, text=shown.text, note=shown.note)
