"""What does a mail that came back say about one recipient? The value that all its readers return."""

import re
from dataclasses import dataclass

ADDRESS = re.compile(r"(?:\"[^\"\s]{1,62}\"|[^\s<>@,;:\"'()\[\]|]{1,64})@[^\s<>@,;:\"'()\[\]|/?=&!#%*$]{1,255}")
"""An address somewhere in a text; `address` says which of what it finds can be one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One recipient, and what became of the mail to it."""

    recipient: str | None
    """The address as written there; None where none could be found."""
    action: str | None = None
    """RFC 3464 §2.3.3: failed, delayed, delivered, relayed, expanded; None where nothing is said."""
    status: str | None = None
    """RFC 3463, such as 5.1.1, where it stands beside the words."""
    words: str = ""
    """The diagnosis, as near to the remote's reply as it can be had, lines parted by \\n."""
    after_data: bool = False
    """It was said to the content, when the recipient had been taken already (RFC 5321 §3.3)."""


def address(text: str) -> str | None:
    """The first address in a text, without brackets and the dots of a sentence; None where there is none."""
    for found in ADDRESS.finditer(text[:2000]):
        one = found[0].rstrip(".")
        domain = one.rpartition("@")[2]
        if "." in domain.strip(".") and not domain.startswith((".", "-")) and not one.lower().startswith("mailto"):
            return one
    return None


def addresses(text: str) -> list[str]:
    """All addresses of a text, each once, in order."""
    found = (address(match[0]) for match in ADDRESS.finditer(text))
    return list(dict.fromkeys(one for one in found if one is not None))
