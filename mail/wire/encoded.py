"""How do words beyond ASCII stand in a header field? RFC 2047 encoded words, RFC 2231 parameters, folded lines.

Used by `mail.compose` to write fields and by `mail.wire.mime` to bring fields that came with raw 8-bit bytes through a
7-bit hop.
"""

import re
from base64 import b64encode
from urllib.parse import quote

_WORD_BYTES = 42
"""Octets of text in one encoded word: 42 bytes are 56 of base64 and 68 with =?utf-8?b?…?=, under RFC 2047 §2's 75."""


def encoded_words(text: str) -> str:
    """The text as RFC 2047 encoded words, UTF-8 in base64, parted by spaces; no character is split (§5)."""
    chunks: list[bytes] = []
    current = b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if current and len(current) + len(octets) > _WORD_BYTES:
            chunks.append(current)
            current = b""
        current += octets
    if current:
        chunks.append(current)
    return " ".join(f"=?utf-8?b?{b64encode(chunk).decode('ascii')}?=" for chunk in chunks)


def unstructured(text: str) -> str:
    """Free text for a header: as it is where it is plain ASCII, else encoded from the first strange word to the last."""
    # Encode too what looks like an encoded word already, or a reader would decode it (RFC 2047 §5 (1)); and words
    # that no fold can part.
    words = text.split(" ")
    strange = [i for i, word in enumerate(words) if not word.isascii() or "=?" in word or len(word) > 900]
    if not strange:
        return text
    first, last = strange[0], strange[-1] + 1
    middle = encoded_words(" ".join(words[first:last]))
    return " ".join([*words[:first], middle, *words[last:]])


_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*\Z")


def phrase(text: str) -> str:
    """A display name (RFC 5322 §3.2.5): atoms as they are, other ASCII quoted, the rest as encoded words."""
    if not text.isascii() or "=?" in text:
        return encoded_words(text)
    if _ATOMS.match(text):
        return text
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'


def parameter(name: str, value: str) -> str:
    """A MIME parameter, "; name=value" without the semicolon: quoted, or in RFC 2231 §4 form beyond ASCII."""
    if value.isascii():
        escaped = re.sub(r'(["\\])', r"\\\1", value)
        return f'{name}="{escaped}"'
    return f"{name}*=utf-8''{quote(value, safe='')}"


def folded(name: str, value: str) -> bytes:
    """A whole header field, folded at spaces to 78 where it can be (RFC 5322 §2.1.1, §2.2.3), CRLF included.

    Words are never broken, so a single word longer than that stays on a line of its own.
    """
    lines: list[str] = []
    current = f"{name}:"
    for position, word in enumerate(value.split(" ")):
        # A line of white space alone would end the header for some readers (RFC 5322 §3.2.2), so a fold needs a word.
        if word and position and len(current) + 1 + len(word.encode()) > 78 and current.strip():
            lines.append(current)
            current = f" {word}"
        else:
            current += f" {word}"
    lines.append(current)
    return "\r\n".join(lines).encode("utf-8") + b"\r\n"


_ADDRESS_FIELDS = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender", "resent-to", "resent-cc"}
)
_PARAMETER_FIELDS = frozenset({"content-type", "content-disposition"})
# A backslash goes with what follows it outside of quotes too: a quote that is never closed is read to the end once, and not again
# from every quote in it.
_NAME_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|<[^<>]*+>|(?:[^\s"<>(),:;\\]|\\.)++|\s++|.', re.DOTALL)
_8BIT_PARAMETER = re.compile(r'(?<![A-Za-z0-9_-])([A-Za-z0-9_-]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^\s;"]++)', re.DOTALL)


def seven_bit_field(raw: bytes, key: str) -> bytes:
    """A whole field that came with 8-bit bytes, re-written in ASCII with the same meaning; `key` is its lower-case name.

    Bytes that are not UTF-8 are read as Latin-1. Addresses with a UTF-8 local part cannot be written in ASCII at all
    (RFC 6532): their 8-bit characters become "?"; such mail needs an SMTPUTF8 hop and is not meant to come here.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    name, _, value = text.partition(":")
    value = " ".join(re.sub(r"\r?\n(?=[ \t])", "", value).split())
    if key in _ADDRESS_FIELDS:
        value = _names(value)
    elif key in _PARAMETER_FIELDS:
        value = _8BIT_PARAMETER.sub(_parameter, value)
    else:
        value = unstructured(value)
    return folded(name, value.encode("ascii", "replace").decode("ascii"))


def _names(value: str) -> str:
    pieces: list[str] = []
    run: list[str] = []  # neighbouring words of one display name that need encoding, with the spaces between them

    def flush() -> None:
        if run:
            text = "".join(run)
            pieces.append(encoded_words(text.strip()))
            pieces.append(text[len(text.rstrip()) :])
            run.clear()

    for match in _NAME_TOKEN.finditer(value):
        token = match[0]
        if not token.isascii() and token[0] != "<" and "@" not in token:
            run.append(re.sub(r"\\(.)", r"\1", token[1:-1]) if token[0] == '"' and len(token) > 1 else token)
        elif token.isspace() and run:
            run.append(token)
        else:
            flush()
            pieces.append(token)
    flush()
    return "".join(pieces)


def _parameter(match: re.Match[str]) -> str:
    name, value = match[1], match[2]
    if value.isascii():
        return match[0]
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return parameter(name, value)
