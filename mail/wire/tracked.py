"""Where does a tracked link lead, and whose is it? What stands sealed in `/t/…`, and which addresses may stand there.

A click carries its target, or the id of one that is too long, and a mark of the host it was made for, because behind the name
of one shop no other's link may lead anywhere; an open carries neither. All carry whose they are and the day their message came
in, for links are good for 400 days. Only what a browser opens as it stands (http and https, a plain
host) is ever tracked: everything else stays in the mail as it was written.
"""

import functools
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from mail.wire import tokens
from mail.wire.tokens import Keys

GOOD_FOR = timedelta(days=400)
LONGEST_TARGET = 8_192
"""Characters; what is longer stays as it is."""

_PURPOSE = "tracked"
_OPEN, _CLICK, _LONG_CLICK = 1, 2, 3
_EPOCH = date(2020, 1, 1)
_HEAD = 1 + 2 + 16 + 16
_MARK = 4

# RFC 3986 §3.2 without userinfo. What browsers take for another host, strip, or leave out has no place anywhere.
_TARGET = re.compile(
    r"""https?://
        (?: \[[0-9a-f:.]+\] | [\w-]+(?:\.[\w-]+)*\.? )
        (?: :[0-9]{1,5} )?
        (?: [/?#] [^\x00-\x1f\x7f-\x9f\\]* )?""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Whose:
    """The recipient in whose mail it stands."""

    account_id: UUID
    recipient_id: UUID
    day: date
    """The day its message came in, UTC."""

    @property
    def ends(self) -> datetime:
        """When it leads nowhere any more."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC) + GOOD_FOR + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Open:
    """The pixel of a mail."""

    whose: Whose


@dataclass(frozen=True, slots=True)
class Click:
    """A link in a mail; where it leads, or the id of a long target."""

    whose: Whose
    target: str | UUID
    mark: bytes
    """Of the host it was made for (`mark`)."""


@functools.lru_cache(maxsize=4096)
def mark(keys: Keys, host: str) -> bytes:
    """What tells whether a link was made for a host ("click.shop.test", lower case, no port), to us and nobody else."""
    return keys.sign("tracked host", host.encode("utf-8", "replace"), size=_MARK)


def may_track(target: str) -> bool:
    """Whether it is an address that a link of ours may lead to: http or https, a host by name or number, no userinfo.

    No control character (so no second header line), no backslash, no spaces around it, nothing that is no UTF-8.
    """
    if len(target) > LONGEST_TARGET or target != target.strip() or not _TARGET.fullmatch(target):
        return False
    try:
        target.encode()
    except UnicodeEncodeError:
        return False
    return True


def long_id(account_id: UUID, target: str) -> UUID:
    """The id by which an account's long target is found: the same for the same target, so that it is known beforehand."""
    return UUID(bytes=hashlib.sha256(account_id.bytes + target.encode()).digest()[:16])


def open_token(keys: Keys, whose: Whose) -> str:
    """The token of a mail's pixel."""
    return tokens.seal(keys, _PURPOSE, _head(_OPEN, whose))


def click_token(keys: Keys, whose: Whose, target: str | UUID, host: str) -> str:
    """The token of a link to `target`, which `may_track`, or to a long target by its id, that stands under `host`."""
    if isinstance(target, UUID):
        return tokens.seal(keys, _PURPOSE, _head(_LONG_CLICK, whose) + mark(keys, host) + target.bytes)
    return tokens.seal(keys, _PURPOSE, _head(_CLICK, whose) + mark(keys, host) + target.encode())


def click_size(target: str) -> int:
    """How long the token of a link to `target` is, made or not."""
    return tokens.size(_HEAD + _MARK + len(target.encode()))


def read(keys: Keys, token: str) -> Open | Click | None:
    """What a token stands for; None where we did not make it."""
    plain = tokens.unseal(keys, _PURPOSE, token)
    if plain is None or len(plain) < _HEAD:
        return None
    day = _EPOCH + timedelta(days=int.from_bytes(plain[1:3]))
    whose = Whose(UUID(bytes=plain[3:19]), UUID(bytes=plain[19:35]), day)
    if plain[0] == _OPEN:
        return Open(whose)
    marked, rest = plain[_HEAD : _HEAD + _MARK], plain[_HEAD + _MARK :]
    if plain[0] == _LONG_CLICK:
        return Click(whose, UUID(bytes=rest), marked)
    target = rest.decode()
    # We only ever seal what may be tracked; looked at once more where it leaves as a header.
    return Click(whose, target, marked) if may_track(target) else None


def _head(kind: int, whose: Whose) -> bytes:
    days = (whose.day - _EPOCH).days
    return bytes((kind,)) + days.to_bytes(2) + whose.account_id.bytes + whose.recipient_id.bytes
