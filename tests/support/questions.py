"""How is every field of the schema asked? By operations made from the SDL, so that a new field is asked the day it appears.

What has to be chosen by a person, which kind of thing each ID argument names, stands in `IDS`; an argument that is missing
there is an error, not a guess.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import graphql
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
)

NOWHERE = "00000000-0000-7000-8000-000000000000"
"""An id that nothing has."""

IDS: dict[str, str] = {
    "Query.message.id": "message",
    "Query.members.accountId": "account",
    "Query.invitations.accountId": "account",
    "Query.auditEntries.accountId": "account",
    "Mutation.endSession.id": "session",
    "Mutation.enterAccount.accountId": "account",
    "Mutation.inviteMember.accountId": "account",
    "Mutation.resendInvitation.id": "invitation",
    "Mutation.revokeInvitation.id": "invitation",
    "Mutation.changeMemberRole.id": "member",
    "Mutation.removeMember.id": "member",
    "Query.recipient.id": "recipient",
    "Query.credentials.accountId": "account",
    "Query.credentials.createdBy": "member",
    "Query.credential.id": "credential",
    "Mutation.createCredential.input.accountId": "account",
    "Mutation.updateCredential.id": "credential",
    "Mutation.disableCredential.id": "credential",
    "Mutation.enableCredential.id": "credential",
    "Mutation.revokeCredential.id": "credential",
    "Query.subAccounts.below": "account",
    "Query.account.id": "account",
    "Query.partnerReport.accountId": "account",
    "Mutation.createSubAccount.input.parentId": "account",
    "Mutation.createSubAccount.input.sourceId": "source",
    "Mutation.createSubAccount.input.planId": "plan",
    "Mutation.updateAccount.input.id": "account",
    "Mutation.updateAccount.input.sourceId": "source",
    "Mutation.updateAccount.input.signUpPlanId": "plan",
    "Mutation.moveAccount.id": "account",
    "Mutation.moveAccount.below": "account",
    "Mutation.suspendAccount.id": "account",
    "Mutation.resumeAccount.id": "account",
    "Mutation.deleteAccount.id": "account",
    "Mutation.createSource.input.accountId": "account",
    "Mutation.updateSource.input.id": "source",
    "Mutation.updateSource.input.accountId": "account",
    "Query.credits.accountId": "account",
    "Query.creditEntries.accountId": "account",
    "Mutation.handDownCredits.input.accountId": "account",
    "Mutation.takeBackCredits.input.accountId": "account",
    "Mutation.releaseMessages.ids": "message",
    "Mutation.cancelMessages.ids": "message",
    "Mutation.archivePlan.id": "plan",
    "Mutation.orderPlan.planId": "plan",
    "Mutation.fulfilOrder.id": "order",
    "Mutation.cancelOrder.id": "order",
    "Query.templates.accountId": "account",
    "Query.template.id": "template",
    "Query.previewTemplate.input.templateId": "template",
    "Query.previewTemplate.input.messageId": "message",
    "Mutation.createTemplate.input.accountId": "account",
    "Mutation.updateTemplate.input.id": "template",
    "Mutation.deleteTemplate.id": "template",
    "Query.treatment.accountId": "account",
    "Query.treatment.credentialId": "credential",
    "Mutation.updateTreatment.input.accountId": "account",
    "Mutation.updateTreatment.input.credentialId": "credential",
    "Mutation.updateTreatment.input.templateId": "template",
    "Mutation.updateTreatment.input.footerId": "footer",
    "Mutation.updateTreatment.input.unsubscribeTagId": "unsubscribe_tag",
    "Query.copyRules.accountId": "account",
    "Mutation.createCopyRule.input.accountId": "account",
    "Mutation.askForCopiesAgain.id": "copy_rule",
    "Mutation.deleteCopyRule.id": "copy_rule",
    "Mutation.waiveCopies.accountId": "account",
    "Query.engagement.accountId": "account",
    "Query.deadLinks.accountId": "account",
    "Mutation.killLink.accountId": "account",
    "Mutation.reviveLink.id": "dead_link",
    "Query.suppressions.accountId": "account",
    "Mutation.addSuppression.input.accountId": "account",
    "Mutation.removeSuppression.id": "suppression",
    "Query.bounces.filter.accountId": "account",
    "Query.complaints.filter.accountId": "account",
    "Query.unsubscribes.filter.accountId": "account",
    "Query.unsubscribeTags.accountId": "account",
    "Query.unsubscribePage.accountId": "account",
    "Mutation.createUnsubscribeTag.input.accountId": "account",
    "Mutation.updateUnsubscribeTag.input.id": "unsubscribe_tag",
    "Mutation.deleteUnsubscribeTag.id": "unsubscribe_tag",
}
"""Which kind of thing each argument of type ID names, by its path: Mutation.createSubAccount.input.planId -> "plan"."""

_SDL = Path(__file__).resolve().parents[2] / "api/schema.graphql"


def schema() -> GraphQLSchema:
    """The API as committed."""
    return graphql.build_schema(_SDL.read_text())


@dataclass(frozen=True)
class Question:
    """One operation with its variables."""

    text: str
    variables: dict[str, Any]


type Ids = Callable[[str], str]
"""The id to ask with, by kind of thing."""


@dataclass(frozen=True)
class Asker:
    """Makes operations. `values` are given for arguments by path, in the place of invented ones; `depth` is of answers."""

    schema: GraphQLSchema
    ids: Ids = lambda _: NOWHERE
    values: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 3
    everything: bool = False
    """Give optional arguments too."""

    def question(self, path: str) -> Question:
        """The operation that asks the root field `path` ("Query.message")."""
        root, name = path.split(".")
        kind = self.schema.type_map[root]
        assert isinstance(kind, GraphQLObjectType)
        asked = kind.fields[name]
        variables: dict[str, Any] = {}
        declared: list[str] = []
        for argument, shape in asked.args.items():
            given = f"{path}.{argument}"
            if self._wanted(given, shape):
                variables[argument] = self._value(given, shape.type)
                declared.append(f"${argument}: {shape.type}")
        head = f"({', '.join(declared)})" if declared else ""
        arguments = f"({', '.join(f'{name}: ${name}' for name in variables)})" if variables else ""
        selected = self._selection(graphql.get_named_type(asked.type), self.depth)
        return Question(f"{root.lower()}{head} {{ {name}{arguments}{selected} }}", variables)

    def _wanted(self, path: str, shape: GraphQLArgument | GraphQLInputField) -> bool:
        required = isinstance(shape.type, GraphQLNonNull) and shape.default_value is graphql.Undefined
        chosen = any(one == path or one.startswith(f"{path}.") for one in self.values)
        return required or chosen or (self.everything and id_inside(shape.type))

    def _value(self, path: str, shape: GraphQLInputType) -> Any:
        if path in self.values:
            given = self.values[path]
            listed = graphql.is_list_type(graphql.get_nullable_type(shape))
            return [given] if listed and not isinstance(given, list) else given
        if isinstance(shape, GraphQLNonNull):
            return self._value(path, shape.of_type)
        if isinstance(shape, GraphQLList):
            return [self._value(path, shape.of_type)]
        if isinstance(shape, GraphQLInputObjectType):
            return {
                name: self._value(f"{path}.{name}", part.type)
                for name, part in shape.fields.items()
                if self._wanted(f"{path}.{name}", part)
            }
        if isinstance(shape, GraphQLEnumType):
            return next(iter(shape.values))
        if shape.name == "ID":
            return self.ids(IDS[path])
        return _INVENTED[shape.name]

    def _selection(self, kind: graphql.GraphQLNamedType, depth: int) -> str:
        if isinstance(kind, GraphQLUnionType):
            parts = [f"... on {member.name}{self._selection(member, depth)}" for member in kind.types]
            return f" {{ __typename {' '.join(parts)} }}"
        if not isinstance(kind, GraphQLObjectType):
            return ""
        parts = []
        for name, part in kind.fields.items():
            inner = graphql.get_named_type(part.type)
            nested = isinstance(inner, GraphQLObjectType | GraphQLUnionType)
            if any(graphql.is_required_argument(shape) for shape in part.args.values()) or (nested and depth <= 1):
                continue
            parts.append(name + (self._selection(inner, depth - 1) if nested else ""))
        return f" {{ {' '.join(parts) or '__typename'} }}"


_INVENTED = {
    "String": "x",
    "Int": 1,
    "BigInt": 1,
    "Float": 1.0,
    "Boolean": True,
    "DateTime": "2026-01-01T00:00:00Z",
}


def id_inside(shape: GraphQLInputType) -> bool:
    """Whether an argument of this type names something by id, itself or within."""
    inner = graphql.get_named_type(shape)
    if isinstance(inner, GraphQLInputObjectType):
        return any(id_inside(part.type) for part in inner.fields.values())
    return inner.name == "ID"


def root_fields(schema: GraphQLSchema) -> list[str]:
    """Every root field: "Query.me", …, "Subscription.events"."""
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    return [f"{root.name}.{field}" for root in roots if root for field in root.fields]


def id_arguments(schema: GraphQLSchema) -> list[str]:
    """The path of every argument of type ID, of root fields and of those below them."""

    def inside(path: str, shape: GraphQLInputType) -> Iterator[str]:
        inner = graphql.get_named_type(shape)
        if isinstance(inner, GraphQLInputObjectType):
            for name, part in inner.fields.items():
                yield from inside(f"{path}.{name}", part.type)
        elif inner.name == "ID":
            yield path

    return [
        found
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for name, part in kind.fields.items()
        for argument, shape in part.args.items()
        for found in inside(f"{kind.name}.{name}.{argument}", shape.type)
    ]
