"""How is a message put together? Its MIME tree as offsets into its bytes, which stay where they are.

Every program must see the same tree, or an addition ends up where nobody looks, or in a file: so whatever programs read
differently (two Content-Type fields, a boundary that never comes, an unheard-of nesting) is no tree at all but
`Ambiguous`, with the reason. Linear in the size per level, LEVELS at most; memory by the number of parts, PARTS at most.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mail.wire.headers import Field, Head, scan

LEVELS = 20
"""Of multiparts within one another; real mail has five."""
PARTS = 1_000
FIELDS = 1_000
"""In one header."""
LONGEST_FIELD = 4_000
"""Octets of a Content-Type or Content-Disposition."""


class Ambiguous(Exception):
    """Programs would read this message differently; the text says how."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A message, or a part of it."""

    head: Head
    end: int
    """Offset after its body; the line end before a boundary is the boundary's (RFC 2046 §5.1.1)."""
    kind: str
    """type/subtype in lower case; "text/plain" where none is given (RFC 2045 §5.2)."""
    parameters: dict[str, str]
    """Of Content-Type."""
    disposition: str
    """"attachment", "inline", or "" where nothing is said (RFC 2183 §2)."""
    named: bool
    """It has a file name: a file, wherever it is shown."""
    encoding: str
    """Content-Transfer-Encoding in lower case, "7bit" where none is given (RFC 2045 §6.1)."""
    parts: tuple["Entity", ...] = ()

    @property
    def body(self) -> int:
        """Offset of its body."""
        return self.head.body

    def walk(self) -> Iterator["Entity"]:
        """It and all within it."""
        yield self
        for part in self.parts:
            yield from part.walk()


def read(head: Head) -> Entity:
    """The tree of a message with canonical lines, by its header. Raises Ambiguous."""
    return _Reader(head.content).entity(head, len(head.content), 0)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.count = 0

    def entity(self, head: Head, end: int, level: int) -> Entity:
        self.count += 1
        if self.count > PARTS:
            raise Ambiguous(f"it has more than {PARTS:,} parts")
        if len(head.fields) > FIELDS:
            raise Ambiguous(f"a header has more than {FIELDS:,} fields")
        field = _only(head, "content-type")
        kind, parameters = _value(head, field)
        disposition, about = _value(head, _only(head, "content-disposition"))
        encoding = _only(head, "content-transfer-encoding")
        entity = Entity(
            head=head,
            end=end,
            kind=_kind(kind),
            parameters=parameters,
            disposition=disposition,
            named=any(name.startswith(("filename", "name")) for name in (*about, *parameters)),
            encoding="7bit" if encoding is None else head.value(encoding).decode("latin-1").lower(),
        )
        if not entity.kind.startswith("multipart/"):
            return entity
        if level >= LEVELS:
            raise Ambiguous(f"its parts are nested more than {LEVELS} deep")
        boundary = parameters.get("boundary", "").rstrip().encode("latin-1")
        if not boundary:
            raise Ambiguous("a multipart gives no boundary")
        if entity.encoding not in ("7bit", "8bit", "binary"):  # RFC 2045 §6.4
            raise Ambiguous("a multipart is encoded as a whole")
        regions = _regions(self.content, head.body, end, boundary)
        if not regions:
            raise Ambiguous("the boundary of a multipart never comes")
        parts = tuple(self.entity(scan(self.content, start, end), end, level + 1) for start, end in regions)
        return Entity(head, end, entity.kind, parameters, disposition, entity.named, entity.encoding, parts)


def _regions(content: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    """Where each part begins and ends."""
    delimiter = b"--" + boundary
    found: list[tuple[int, int]] = []
    begun = -1
    position = content.find(delimiter, start, end)
    while position >= 0:
        line = _TAIL.match(content, position + len(delimiter), end)
        if line is None or (position > start and not content.startswith(b"\n", position - 1)):
            position = content.find(delimiter, position + 1, end)
            continue
        if begun >= 0:
            found.append((begun, max(begun, position - 2)))
            if len(found) > PARTS:
                raise Ambiguous(f"it has more than {PARTS:,} parts")
        if line[1]:
            return found
        begun = line.end()
        position = content.find(delimiter, begun, end)
    return [*found, (begun, end)] if begun >= 0 else found


_TAIL = re.compile(rb"(--)?+[ \t]*+(?:\r\n|\Z)")


def _only(head: Head, name: str) -> Field | None:
    found = head.all(name)
    if len(found) > 1:
        raise Ambiguous(f"a part has {len(found)} {name.title()} fields")
    return found[0] if found else None


_PARAMETER = re.compile(rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]++))', re.DOTALL)


def _value(head: Head, field: Field | None) -> tuple[str, dict[str, str]]:
    """The value in lower case, and the parameters by name in lower case, the first of a name (RFC 2045 §5.1)."""
    if field is None:
        return "", {}
    if field.end - field.start > LONGEST_FIELD:
        raise Ambiguous("a field that tells of a part is unheard of in length")
    raw = head.value(field)
    found: dict[str, str] = {}
    for parameter in _PARAMETER.finditer(raw):
        plain = parameter[3] if parameter[2] is None else re.sub(rb"\\(.)", rb"\1", parameter[2], flags=re.DOTALL)
        name = parameter[1].decode("latin-1").lower()
        if name in found and name in ("boundary", "charset"):
            raise Ambiguous(f"a part gives its {name} twice")
        found.setdefault(name, plain.decode("latin-1"))
    return raw.partition(b";")[0].strip().lower().decode("latin-1"), found


_KIND = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def _kind(said: str) -> str:
    if said and not _KIND.fullmatch(said):
        raise Ambiguous("a part's type cannot be read")
    return said or "text/plain"
