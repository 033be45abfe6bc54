"""Which texts can a request hold? All that the database can store: none with U+0000, wherever in the request it stands.

The document and the values of its variables are looked at before anything runs, so no field needs to ask for itself. Half
a surrogate never comes this far: neither JSON nor GraphQL is read where it has one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import DocumentNode, GraphQLError, Node, StringValueNode, Visitor, visit


class _Strings(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[StringValueNode] = []

    def enter_string_value(self, node: StringValueNode, *_: object) -> None:
        if "\0" in node.value:
            self.found.append(node)


def written(document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with the texts that stand in the document itself."""
    strings = _Strings()
    visit(document, strings)
    return [_refused(node=node) for node in strings.found]


def given(variables: Mapping[str, Any]) -> Iterator[GraphQLError]:
    """What is wrong with the values of variables, each with its path as a client writes it."""
    # No recursion: a value may be nested as deep as JSON is read.
    waiting: list[tuple[tuple[str, ...], Any]] = [((), variables)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if "\0" in value:
                yield _refused(path)
        elif isinstance(value, Mapping):
            waiting += [((*path, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, str(n)), inner) for n, inner in enumerate(value)]


def _refused(path: tuple[str, ...] = (), node: Node | None = None) -> GraphQLError:
    return GraphQLError(
        "A text cannot have the character U+0000 in it.",
        nodes=node,
        extensions={**({"field": list(path)} if path else {}), "next": "Leave the character out."},
    )
