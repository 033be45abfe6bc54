"""Whom does a MAIL or RCPT command name, and what does it ask for besides?

The address is read by `mail.wire.address`. Strict parsers for the parameters we announce: SIZE (RFC 1870), BODY
(RFC 6152), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and ORCPT (RFC 3461), AUTH (RFC 4954 §5). Values keep their case;
a parameter given twice is an error.
"""

import re
from dataclasses import dataclass
from typing import Literal

from mail.wire.address import AddressError, Mailbox, read_path
from smtpd.replies import Refused, line

# RFC 5321 §4.1.2 esmtp-param, with the UTF-8 of RFC 6531 in values.
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 §4
_UNITEXT = re.compile(r"(?:[!-*,-<>-~\x80-\U0010ffff]|\+[0-9A-F]{2}|\\x\{[0-9A-F]{2,6}\})+")  # RFC 6533 §3
_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+")
# RFC 1870 §4: up to 20 digits.
_SIZE_DIGITS = 20
_ENVID = 100  # RFC 3461 §4.4
_ORCPT = 500  # RFC 3461 §4.2
_NEEDS_SMTPUTF8 = "553 5.6.7 The address has characters beyond ASCII: add the SMTPUTF8 parameter"  # RFC 6531 §3.5


@dataclass(frozen=True)
class MailParameters:
    """What came with MAIL FROM. `size` is the client's own estimate in octets, `envid` is still xtext."""

    size: int | None = None
    body: Literal["7BIT", "8BITMIME"] | None = None
    smtputf8: bool = False
    ret: Literal["FULL", "HDRS"] | None = None
    envid: str | None = None


@dataclass(frozen=True)
class RecipientParameters:
    """What came with RCPT TO. `notify` is upper case and comma-separated, `orcpt` is `type;xtext` as given."""

    notify: str | None = None
    orcpt: str | None = None


def sender(argument: str) -> tuple[str, MailParameters]:
    """Read the argument of MAIL, "FROM:<path> parameters"; the address is "" for the null sender.

    Raises Refused: 501 (malformed), 553 (no such address can be), 555 (parameter not known).
    """
    mailbox, path, rest = _path("FROM:", argument, "553 5.1.7")
    wishes = _mail_parameters(rest)
    if not wishes.smtputf8 and not path.isascii():
        raise Refused(_NEEDS_SMTPUTF8)
    return str(mailbox) if mailbox else "", wishes


def recipient(argument: str, *, smtputf8: bool) -> tuple[str, RecipientParameters]:
    """Read the argument of RCPT, "TO:<path> parameters". Raises Refused as `sender` does."""
    mailbox, path, rest = _path("TO:", argument, "553 5.1.3")
    wishes = _recipient_parameters(rest, smtputf8=smtputf8)
    if mailbox is None:
        raise Refused("553 5.1.3 The null address cannot receive mail")
    if not smtputf8 and not path.isascii():
        raise Refused(_NEEDS_SMTPUTF8)
    return str(mailbox), wishes


def _path(keyword: str, argument: str, code: str) -> tuple[Mailbox | None, str, str]:
    if argument[: len(keyword)].upper() != keyword:
        command = "MAIL FROM" if keyword == "FROM:" else "RCPT TO"
        raise Refused(f"501 5.5.4 Write {command}:<address>")
    text = argument[len(keyword) :]
    try:
        mailbox, rest = read_path(text, utf8=True)
    except AddressError as error:
        raise Refused(line(code, f"Not taken: {error}")) from None
    return mailbox, text[: len(text) - len(rest)], rest


def _mail_parameters(text: str) -> MailParameters:
    given = _split(text, {"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"}, "MAIL FROM")
    size = given.get("SIZE")
    if "SIZE" in given and not (size and size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS):
        raise Refused("501 5.5.4 SIZE takes the number of bytes")
    body = (given.get("BODY") or "").upper()
    if "BODY" in given and body not in {"7BIT", "8BITMIME"}:
        raise Refused("501 5.5.4 BODY takes 7BIT or 8BITMIME")
    if given.get("SMTPUTF8") is not None:
        raise Refused("501 5.5.4 SMTPUTF8 takes no value")
    ret = (given.get("RET") or "").upper()
    if "RET" in given and ret not in {"FULL", "HDRS"}:
        raise Refused("501 5.5.4 RET takes FULL or HDRS")
    envid = given.get("ENVID")
    if "ENVID" in given and not (envid and len(envid) <= _ENVID and _XTEXT.fullmatch(envid)):
        raise Refused(f"501 5.5.4 ENVID takes xtext of at most {_ENVID} characters")
    # RFC 4954 §5: a submitter named by somebody we do not trust to know is treated as AUTH=<>: read and forgotten.
    auth = given.get("AUTH")
    if "AUTH" in given and not (auth and _XTEXT.fullmatch(auth)):
        raise Refused("501 5.5.4 AUTH takes xtext or <>")
    return MailParameters(
        size=int(size) if size else None,
        body="8BITMIME" if body == "8BITMIME" else "7BIT" if body else None,
        smtputf8="SMTPUTF8" in given,
        ret="FULL" if ret == "FULL" else "HDRS" if ret else None,
        envid=envid,
    )


def _recipient_parameters(text: str, *, smtputf8: bool) -> RecipientParameters:
    given = _split(text, {"NOTIFY", "ORCPT"}, "RCPT TO")
    notify = (given.get("NOTIFY") or "").upper()
    wishes = notify.split(",")
    known = set(wishes) <= {"SUCCESS", "FAILURE", "DELAY"} and len(set(wishes)) == len(wishes)
    if "NOTIFY" in given and notify != "NEVER" and not known:
        raise Refused("501 5.5.4 NOTIFY takes NEVER, or any of SUCCESS,FAILURE,DELAY")
    orcpt = given.get("ORCPT")
    if "ORCPT" in given:
        kind, semicolon, address = (orcpt or "").partition(";")
        grammar = _UNITEXT if smtputf8 and kind.lower() == "utf-8" else _XTEXT
        good = semicolon and address and _ADDRESS_TYPE.fullmatch(kind) and grammar.fullmatch(address)
        if not good or len(orcpt or "") > _ORCPT:
            raise Refused(f"501 5.5.4 ORCPT takes type;address in xtext, at most {_ORCPT} characters")
    return RecipientParameters(notify=notify or None, orcpt=orcpt)


def _split(text: str, known: set[str], command: str) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for part in text.split():
        found = _PARAMETER.fullmatch(part)
        if found is None:
            raise Refused(f"501 5.5.4 Malformed parameter after {command}")
        name = found[1].upper()
        if name not in known:
            raise Refused(f"555 5.5.4 Unknown parameter after {command}: EHLO lists those we have")
        if name in given:
            raise Refused(f"501 5.5.4 {name} is given twice")
        given[name] = found[2]
    return given
