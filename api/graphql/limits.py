"""How much may one GraphQL document ask for? Judged whole before anything runs, in time linear in its size.

    tokens   1,000 a document      lexer
    depth       10 levels          fragments counted where they are spread, introspection free
    aliases     15 an operation    fragments counted as often as they are spread
    cost     5,000 an operation    objects it can return: page size × nesting, with the values of its variables

Strawberry's own depth and alias rules walk a fragment again at every spread, which 40 nested fragments turn into hours,
and it has no cost rule. Parsed and validated documents are kept by their text: 0.05 instead of 0.55 ms a request.
Hooks of extensions must never raise: what they raise reaches the client as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    get_operation_ast,
    is_composite_type,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from api.graphql import texts

TOKENS = 1_000
DEPTH = 10
ALIASES = 15
COST = 5_000
DOCUMENT_BYTES = 64 * 1024

_UNPAGED = 10
"""How long a list without `first` is taken to be."""

_HEAVY = {
    ("Message", "source"): 50,
    ("Message", "headers"): 5,
    ("Attempt", "conversation"): 1,
    ("Query", "templates"): 2_000,
    ("Query", "previewTemplate"): 1_000,
    ("Mutation", "htmlToText"): 1_000,
}
"""What a field costs where it is more than a column of its row, or than its rows: megabytes, or milliseconds of work."""

_STEPS = 20_000
"""How many selections a document may unfold to when its cost is counted."""


@dataclass(frozen=True)
class _Judged:
    document: DocumentNode
    errors: tuple[GraphQLError, ...]


@lru_cache(maxsize=256)
def _judge(schema: GraphQLSchema, text: str) -> _Judged:
    # A document that does not parse raises, and a raise is not kept.
    try:
        document = parse(text, max_tokens=TOKENS)
    except RecursionError:
        return _Judged(parse("{__typename}"), (_too_deep("hundreds of"),))
    errors = [*_shape(document), *texts.written(document)] or validate_document(
        schema, document, tuple(specified_rules)
    )
    return _Judged(document, tuple(errors))


def read(schema: GraphQLSchema, text: str) -> DocumentNode | None:
    """The document of `text`, from memory if it was seen before; None where it cannot be parsed."""
    try:
        return _judge(schema, text).document
    except GraphQLError:
        return None


class Limits(SchemaExtension):
    """Parses, validates and weighs every operation, over HTTP and WebSocket alike."""

    _judged: _Judged | None = None

    def on_parse(self) -> Iterator[None]:
        """Take the document from memory, or leave a faulty one to the schema, which reports it properly."""
        context = self.execution_context
        context.parse_options["max_tokens"] = TOKENS
        try:
            self._judged = _judge(context.schema._schema, context.query or "")
            context.graphql_document = self._judged.document
        except GraphQLError:
            self._judged = None
        yield

    def on_validate(self) -> Iterator[None]:
        """Refuse what is invalid, too deep, too wide or too dear."""
        context = self.execution_context
        if self._judged is not None:
            errors = [*self._judged.errors, *texts.given(context.variables or {})]
            if not errors:
                errors = _dear(
                    context.schema._schema, self._judged.document, context.operation_name, context.variables or {}
                )
            context.pre_execution_errors = errors
        yield


def _dear(
    schema: GraphQLSchema, document: DocumentNode, name: str | None, variables: Mapping[str, Any]
) -> list[GraphQLError]:
    operation = get_operation_ast(document, name)
    if operation is None:
        return []
    found = cost(schema, document, operation, variables)
    if found <= COST:
        return []
    return [GraphQLError(f"This could return more than {COST} objects. Ask for smaller pages or fewer nested lists.")]


# -- shape: depth and aliases ------------------------------------------------------------------------------------------


@dataclass
class _Shape:
    """Depth and aliases below a selection set, each fragment worked out once."""

    fragments: Mapping[str, FragmentDefinitionNode]
    known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, selected: SelectionSetNode | None, trail: frozenset[str] = frozenset()) -> tuple[int, int]:
        depth, aliases = 0, 0
        for selection in selected.selections if selected else ():
            if isinstance(selection, FieldNode):
                below, within = (
                    (0, 0) if selection.name.value.startswith("__") else self.of(selection.selection_set, trail)
                )
                levels = below + 1 if selection.selection_set else 0
                found = (levels, within + (selection.alias is not None))
            elif isinstance(selection, InlineFragmentNode):
                found = self.of(selection.selection_set, trail)
            else:
                found = self.fragment(cast(FragmentSpreadNode, selection).name.value, trail)
            depth, aliases = max(depth, found[0]), aliases + found[1]
        return depth, aliases

    def fragment(self, name: str, trail: frozenset[str]) -> tuple[int, int]:
        if name in trail or name not in self.fragments:
            return 0, 0  # a cycle or an unknown name: validation says so in better words
        if name not in self.known:
            self.known[name] = self.of(self.fragments[name].selection_set, trail | {name})
        return self.known[name]


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}


def _too_deep(depth: int | str) -> GraphQLError:
    return GraphQLError(f"This is {depth} levels deep; {DEPTH} are allowed.")


def _shape(document: DocumentNode) -> Iterator[GraphQLError]:
    shape = _Shape(_fragments(document))
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            depth, aliases = shape.of(operation.selection_set)
            if depth > DEPTH:
                yield _too_deep(depth)
            if aliases > ALIASES:
                yield GraphQLError(f"This has {aliases} aliases; {ALIASES} are allowed.")


# -- cost --------------------------------------------------------------------------------------------------------------


def cost(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> int:
    """The objects that `operation` of a valid document can return, plus what its heavy leaves weigh.

    `variables` are the values as sent; their defaults count where none was. Stops just above COST.
    """
    root = schema.get_root_type(operation.operation)
    defaults = {
        definition.variable.name.value: _number(definition.default_value, {})
        for definition in operation.variable_definitions or ()
    }
    values = {**defaults, **{name: value for name, value in variables.items() if value is not None}}
    count = _Count(schema, _fragments(document), values)
    if root is not None:
        count.add(operation.selection_set, root, 1, None)
    return count.total


def _number(node: Any, values: Mapping[str, Any]) -> int | None:
    value = (
        int(node.value)
        if isinstance(node, IntValueNode)
        else values.get(node.name.value)
        if isinstance(node, VariableNode)
        else None
    )
    return value if isinstance(value, int) else None


@dataclass
class _Count:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    values: Mapping[str, Any]
    total: int = 0
    steps: int = 0

    def add(self, selected: SelectionSetNode | None, parent: Any, times: int, page: int | None) -> None:
        """Count `selected` on `parent`, which occurs `times` times; `page` is the page size of a connection around it."""
        for selection in selected.selections if selected else ():
            self.steps += 1
            if self.total > COST or self.steps > _STEPS:
                self.total = COST + 1
                return
            if isinstance(selection, FieldNode):
                self.field(selection, parent, times, page)
            else:
                part = (
                    selection
                    if isinstance(selection, InlineFragmentNode)
                    else self.fragments[cast(FragmentSpreadNode, selection).name.value]
                )
                narrowed = self.schema.get_type(part.type_condition.name.value) if part.type_condition else parent
                self.add(part.selection_set, narrowed, times, page)

    def field(self, node: FieldNode, parent: Any, times: int, page: int | None) -> None:
        name = node.name.value
        if name.startswith("__") or not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return
        definition = parent.fields[name]
        type_ = get_named_type(definition.type)
        self.total += times * _HEAVY.get((parent.name, name), 0)
        if not is_composite_type(type_):
            return
        first = self.first(node, definition)
        outer = definition.type.of_type if isinstance(definition.type, GraphQLNonNull) else definition.type
        if isinstance(outer, GraphQLList):
            times *= max(first if first is not None else page if page is not None else _UNPAGED, 1)
            first = None
        self.total += times
        self.add(node.selection_set, type_, times, first)

    def first(self, node: FieldNode, definition: Any) -> int | None:
        if "first" not in definition.args:
            return None
        for argument in node.arguments or ():
            if argument.name.value == "first":
                found = _number(argument.value, self.values)
                if found is not None:
                    return found
        default = definition.args["first"].default_value
        return default if default is not Undefined else None
