"""What does a mail say of how to be left alone? The ticket in its link, its header fields, and the words around the link.

A ticket is sealed (`mail.wire.tokens`): nobody reads from a link whom it was sent to, and nobody makes one for somebody
else. It holds all that is needed to be obeyed for ever, long after the mail itself is forgotten. The address for those
whose mail program asks by mail is the recipient's own, like a return path.
"""

import re
from dataclasses import dataclass, field
from html import escape
from uuid import UUID

from mail.wire import tokens

LANGUAGES = ("en", "fr", "de", "he", "it", "pt", "ru", "es")
"""In which pages are written and tags are made."""

RIGHT_TO_LEFT = frozenset({"he"})

DISCLAIMERS = {
    "en": "If you no longer want these mails, [unsubscribe here].",
    "fr": "Si vous ne souhaitez plus recevoir ces messages, [désabonnez-vous ici].",
    "de": "Wenn Sie diese E-Mails nicht mehr erhalten möchten, [melden Sie sich hier ab].",
    "he": "אם אינכם מעוניינים לקבל עוד הודעות כאלה, [לחצו כאן להסרה].",
    "it": "Se non desideri più ricevere queste e-mail, [annulla l’iscrizione qui].",
    "pt": "Se não quiser mais receber estes e-mails, [cancele a inscrição aqui].",
    "ru": "Если вы больше не хотите получать эти письма, [отпишитесь здесь].",
    "es": "Si no desea recibir más estos correos, [cancele la suscripción aquí].",
}
"""What a tag says where its account has written nothing of its own."""

_PURPOSE = "unsubscribe"
_LINKED = re.compile(r"\[([^\[\]]+)\]")
_IDS = 16 + 16
_LANGUAGE = 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """Who may be left alone by whom: what a link carries."""

    account_id: UUID
    recipient_id: UUID
    """The mail that it was in."""
    address: str
    """As in RCPT TO."""
    language: str | None = None
    """In which the page speaks; None: as the browser asks."""


def seal(keys: tokens.Keys, ticket: Ticket) -> str:
    """The token of a ticket: the same one for the same ticket."""
    plain = ticket.account_id.bytes + ticket.recipient_id.bytes + (ticket.language or "--").encode("ascii")
    return tokens.seal(keys, _PURPOSE, plain + ticket.address.encode("utf-8"))


def unseal(keys: tokens.Keys, token: str) -> Ticket | None:
    """The ticket in a token; None where we did not make it."""
    plain = tokens.unseal(keys, _PURPOSE, token)
    if plain is None:
        return None
    language = plain[_IDS : _IDS + _LANGUAGE].decode("ascii")
    return Ticket(
        UUID(bytes=plain[:16]),
        UUID(bytes=plain[16:_IDS]),
        plain[_IDS + _LANGUAGE :].decode("utf-8"),
        language if language in LANGUAGES else None,
    )


def fields(url: str, mailto: str) -> tuple[bytes, ...]:
    """The header fields by which mail programs offer a button: RFC 2369 §3.2 and RFC 8058 §3.1, the https URI first."""
    return (
        b"List-Unsubscribe: <%s>,\r\n <mailto:%s?subject=unsubscribe>\r\n"
        % (url.encode("ascii"), mailto.encode("ascii")),
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    )


@dataclass(frozen=True, slots=True)
class Words:
    """What stands in the place of a tag."""

    html: str
    text: str
    url: str = field(default="", compare=False)
    """Where its link leads: for a tag that is itself the target of a link."""


def words(disclaimer: str, language: str, url: str) -> Words:
    """A disclaimer with its link. What stands between [ and ] becomes the link; without them, all of it does."""
    before, label, after = _parts(disclaimer)
    link = f'<a href="{escape(url)}">{escape(label)}</a>'
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return Words(
        f'<span lang="{language}" dir="{direction}">{escape(before)}{link}{escape(after)}</span>',
        # RFC 3986 appendix C: a full stop behind the brackets is not taken for a part of the URL.
        f"{before}{label} <{url}>{after}",
        url,
    )


def _parts(disclaimer: str) -> tuple[str, str, str]:
    found = _LINKED.search(disclaimer)
    if found is None:
        return "", disclaimer, ""
    return disclaimer[: found.start()], found[1], disclaimer[found.end() :]
