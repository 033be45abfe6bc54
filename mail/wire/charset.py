"""In which bytes are a part's letters written? What MIME's charset parameter means for those who edit the bytes.

Nearly every charset of mail agrees with ASCII wherever a byte is below 128, so markup can be found and edited in the
bytes as they are, and a byte that means nothing in its charset does no harm. The others (UTF-16, the ISO 2022 family and the
Asian ones whose second bytes look like ASCII) are edited in UTF-8 and brought back, if that gives the same letters.
"""

import codecs
import re
from dataclasses import dataclass

# By the names of Python's codecs; in all of them bytes below 128 are ASCII.
_AGREEING = re.compile(
    r"utf-8|ascii|iso8859-(?:[1-9]|1[013-6])|cp(?:125[0-8]|437|720|737|775|85[0-8]|86[0-9]|874|1125)"
    r"|koi8-[rut]|mac-[a-z-]+|tis-620|hp-roman8|kz1048|ptcp154|euc_jp|euc_jisx0213|euc_jis_2004"
)
_OTHERS = re.compile(
    r"utf-16(?:-[bl]e)?|utf-32(?:-[bl]e)?|utf-7|iso2022_(?:jp(?:_1|_2|_2004|_3|_ext)?|kr)|hz|shift_jis(?:_2004|x0213)?"
    r"|cp932|cp949|euc_kr|johab|gb2312|gbk|gb18030|big5|big5hkscs|cp950"
)
# What mail so labelled may hold as well: the larger sets that grew out of these, as browsers read them (WHATWG Encoding).
_GROWN = {"gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949", "shift_jis": "cp932", "big5": "big5hkscs"}


@dataclass(frozen=True, slots=True)
class Charset:
    """How to read and write the letters of a part."""

    codec: str
    """Python's name for it."""
    agrees: bool
    """Bytes below 128 are ASCII, whatever stands beside them."""
    lossy: bool = False
    """What it does not have is written as "?"."""

    def letters(self, raw: bytes) -> str | None:
        """What the bytes say; None where they say nothing in this charset."""
        try:
            return raw.decode(self.codec)
        except UnicodeError:
            # Nobody said which charset, and it is not ASCII: nearly always UTF-8.
            return _maybe_utf8(raw) if self.codec == "ascii" else None

    def opened(self, raw: bytes) -> bytes | None:
        """The bytes to edit, ASCII-like; None where the way back would not lead to the same letters."""
        if self.agrees:
            return raw
        text = self.letters(raw)
        if text is None:
            return None
        try:
            again = text.encode(self.codec)
            # Stateful charsets can say the same in several ways.
            same = again == raw or again.decode(self.codec) == text
        except UnicodeError:
            return None
        return text.encode("utf-8") if same else None

    def closed(self, edited: bytes) -> bytes:
        """The way back from what `opened` gave and `markup` or `text` were put into."""
        return edited if self.agrees else edited.decode("utf-8").encode(self.codec)

    def markup(self, added: str) -> bytes:
        """HTML to be put among bytes that `opened` gave: what the charset does not have becomes a reference."""
        raw = added.encode(self.codec if self.agrees else "utf-8", "xmlcharrefreplace")
        return raw if self.agrees else self._possible(added)

    def text(self, added: str) -> bytes | None:
        """Words to be put among bytes that `opened` gave; None where the charset does not have them."""
        try:
            raw = added.encode(self.codec, "replace" if self.lossy or self.codec == "utf-8" else "strict")
        except UnicodeError:
            return None
        return raw if self.agrees else added.encode("utf-8")

    def _possible(self, added: str) -> bytes:
        if self.codec.startswith("utf"):
            return added.encode("utf-8", "replace")
        return added.encode(self.codec, "xmlcharrefreplace").decode(self.codec).encode("utf-8")


ASCII = Charset("ascii", True)
UTF_8 = Charset("utf-8", True)


def named(label: str | None, raw: bytes) -> Charset | None:
    """The charset of that name, for these bytes. None where they must not be edited: it is unknown and shifts (ISO 2022)."""
    if label is None:
        return ASCII
    try:
        # RFC 1556: the suffix tells who turns the letters round, not which they are.
        name = codecs.lookup(_DIRECTION.sub("", label.strip())).name
    except (LookupError, ValueError):
        name = ""
    if name in _GROWN and not _reads(name, raw):
        name = _GROWN[name]
    if _AGREEING.fullmatch(name):
        return Charset(name, True)
    if _OTHERS.fullmatch(name):
        return Charset(name, False)
    return None if b"\x1b" in raw else ASCII


_DIRECTION = re.compile(r"(?<=-[68])-[ei]\Z", re.IGNORECASE)


def _reads(codec: str, raw: bytes) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _maybe_utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
