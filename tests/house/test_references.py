"""Can a reader follow every reference? RFCs are named one way, and every page a document links to is there."""

import re
from pathlib import Path

from tests.house.tree import CHECKOUT, files, text

# "RFC 5321 §4.5.4.1", "RFC 5321" or a list of them; anything else is searched for in vain.
_ODD = re.compile(r"\b(?:rfc \d{3,4}|RFC\d{3,4}|RFC-\d{3,4}|RFC \d{3,4},? (?:section|sec\.|chapter))\b")
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_rfcs_are_named_one_way() -> None:
    own = [path for path in files(".py") if path.as_posix() != "tests/house/test_references.py"]
    found = [f"{path}: {match[0]}" for path in own for match in _ODD.finditer(text(path))]
    assert found == []


def test_documents_link_to_what_is_there() -> None:
    pages = [path for path in files(".md") if "node_modules" not in path.parts]
    assert Path("README.md") in pages
    missing = [
        f"{page}: {link}"
        for page in pages
        for link in _LINK.findall(text(page))
        if not (CHECKOUT / page.parent / link).exists()
    ]
    assert missing == []
