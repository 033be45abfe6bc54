"""What does a delivery status say? The fields of RFC 3464, wherever they stand: in their own part, or in the words.

Reporters leave out the type before an address, write free text behind a status, repeat fields and forget empty lines;
a recipient begins where its fields begin again.
"""

import re

from mail.wire.finding import Finding, address

MAX_LINES = 2_000
MAX_FINDINGS = 200

_FIELD = re.compile(r"([A-Za-z][A-Za-z-]{2,40})[ \t]*:[ \t]*(.*)")
_OURS = frozenset(
    {"final-recipient", "original-recipient", "x-actual-recipient", "action", "status", "diagnostic-code"}
)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,4}")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")  # RFC 6533 §3
_SEVERAL = frozenset({"x-actual-recipient", "diagnostic-code"})


def findings(text: str) -> list[Finding]:
    """The recipients of a delivery status, in order. Never fails."""
    found: list[Finding] = []
    fields: dict[str, str] = {}

    def finish() -> None:
        one = _finding(fields)
        fields.clear()
        if one is not None and len(found) < MAX_FINDINGS:
            found.append(one)

    for name, value in _unfolded(text):
        if name == "":
            # An empty line ends a recipient (RFC 3464 §2.1), except one of whom nothing is said yet.
            if "action" in fields or "status" in fields or "diagnostic-code" in fields:
                finish()
        elif name in _OURS:
            if name in fields and name not in _SEVERAL:
                finish()
            fields.setdefault(name, value)
    finish()
    return found


def _unfolded(text: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for line in text.splitlines()[:MAX_LINES]:
        match = _FIELD.match(line)
        if line[:1] in (" ", "\t") and line.strip() and lines and lines[-1][0]:
            name, value = lines[-1]
            lines[-1] = (name, f"{value}\n{line.strip()}"[:4_000])
        elif match:
            lines.append((match[1].lower(), match[2].strip()))
        elif not line.strip():
            lines.append(("", ""))
    return lines


def _finding(fields: dict[str, str]) -> Finding | None:
    """One recipient's fields; None where they name no recipient or say nothing of it."""
    names = [fields[name] for name in ("final-recipient", "original-recipient", "x-actual-recipient") if name in fields]
    if not names or not fields.keys() & {"action", "status", "diagnostic-code"}:
        return None
    recipient = next(filter(None, map(_recipient, names)), None)
    status = _STATUS.match(fields.get("status", ""))
    action = re.match(r"[a-z]+", fields.get("action", "").lower())
    # "smtp; 550 …", but also "550 …" alone; the words behind a bare status are a diagnosis too.
    diagnostic = re.sub(r"\A[A-Za-z][\w.-]{0,60};\s*", "", fields.get("diagnostic-code", ""))
    if not diagnostic and status:
        diagnostic = fields["status"][status.end() :].strip(" ()")
    return Finding(recipient, action[0] if action else None, status[0] if status else None, diagnostic)


def _recipient(value: str) -> str | None:
    kind, mark, rest = value.partition(";")
    text = rest if mark else kind
    if kind.strip().lower() == "utf-8":
        text = _ESCAPED.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), text)
    return address(text)
