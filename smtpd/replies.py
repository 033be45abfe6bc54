"""What do we say? One table from refusals to SMTP replies, and how a text becomes a reply line.

Codes are RFC 5321 §4.2, enhanced codes RFC 3463. A text says what to do next, names no software and no other tenant,
and is the same whether a thing is missing or somebody else's.
"""

from kit.errors import Kind, LiveryError

# RFC 5321 §4.5.3.1.5: 512 octets with code and CRLF.
_LINE = 510

CLOSING = "421 4.3.2 Going down for a moment: connect again in a few seconds"
FAULT = "451 4.3.0 Something went wrong here: nothing was taken, try again in a few minutes"
TOO_MANY_CONNECTIONS = "421 4.7.0 Too many connections from your address: close some or log in first"
TOO_MANY_SESSIONS = "421 4.7.0 Too many connections of your account: close some and keep the others open longer"
IDLE = "421 4.4.2 Nothing came for too long: connect again when you have something to say"
SLOW = "421 4.4.2 The message came too slowly: nothing was taken, try again on a better line"
ERRORS = "421 4.7.0 Too many errors: see what the replies said before you connect again"
JUNK = "421 4.7.0 Too many commands without a message: connect again when you have one"
NO_ROOM = "452 4.3.1 Too much mail is arriving at once: try again in a minute"
FLOOD = "500 5.5.2 This is no SMTP: goodbye"
LONG_COMMAND = "500 5.5.2 Command line too long"
NOT_UTF8 = "501 5.5.2 The command is neither ASCII nor UTF-8"
CONTROLS = "501 5.5.2 The command has control characters in it"
UNKNOWN = "500 5.5.1 Unknown command: HELP names those we have"
HELO_FIRST = "503 5.5.1 Say EHLO first"
LOGIN_FIRST = "530 5.7.0 Log in first: AUTH with user and password from SMTP settings in your dashboard"
TLS_FIRST = "530 5.7.0 Switch on TLS (STARTTLS), then log in"
RELAY_DENIED = "550 5.7.1 Not taken here: this port takes returned mail only, unless you log in first"
MISTYPED = "535 5.7.8 The password has a typing error: copy it again from where it was kept, from end to end"
WRONG_LOGIN = "535 5.7.8 Wrong user or password: the password was shown once, when the user was made"
LOGIN_OVER_TLS = "538 5.7.11 Not in clear: switch on TLS (STARTTLS or SSL in your mail program), then log in"
LOGIN_THROTTLED = "454 4.7.0 Too many wrong logins: wait a few minutes, then try the right password"
LOGIN_FAULT = "454 4.7.0 Logins cannot be checked just now: try again in a few minutes"
# RFC 4954 §4 lets a session log in once, so one whose login has ended can but begin anew. 421 (RFC 5321 §3.8) leaves the
# message with its sender, and the login of the next session is told what is wrong; 530 (RFC 4954 §6) would bounce it.
LOGIN_ENDED = "421 4.7.0 Your login is no longer valid: connect again and log in to see why, or use another user"
LOGIN_GIVEN_UP = "421 4.7.0 Too many wrong logins: the password was shown once, when the user was made"

_BY_KIND = {
    Kind.INVALID: "550 5.6.0",
    Kind.UNAUTHENTICATED: "421 4.7.0",
    Kind.DENIED: "550 5.7.1",
    Kind.MISSING: "550 5.1.1",
    Kind.CONFLICT: "451 4.3.0",
    Kind.EXHAUSTED: "452 4.7.1",
    Kind.UNAVAILABLE: "451 4.3.0",
}
_BY_CODE = {"RATE_LIMITED": "451 4.7.1"}


class Refused(Exception):
    """A command is answered with this reply and has no other effect."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def too_big(limit: int) -> str:
    """More octets than SIZE allows, by the client's own word or by count (RFC 1870 §6)."""
    return f"552 5.3.4 Message too big: at most {limit} bytes are taken. Send a link instead"


def of_error(error: LiveryError) -> str:
    """Return the one-line reply that stands for a refusal of the house."""
    return line(_BY_CODE.get(error.code) or _BY_KIND[error.kind], words(error))


def words(error: LiveryError) -> str:
    """Return what is wrong and what to do about it, in one line."""
    return error.message if error.next is None else f"{error.message} {error.next}"


def line(code: str, text: str) -> str:
    """Return `code text` as one reply line: printable ASCII, within 512 octets (RFC 5321 §4.2, §4.5.3.1.5)."""
    printable = "".join(c if " " <= c <= "~" else "?" if c.isprintable() else " " for c in text)
    return f"{code} {printable}"[:_LINE].rstrip()
