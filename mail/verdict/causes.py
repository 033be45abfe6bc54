"""Why did it not arrive, and whose doing is it? The names that verdicts, the ledger and the dashboard share."""

from enum import StrEnum


class Fault(StrEnum):
    """Whose doing it is: what a customer has to look at."""

    ADDRESS = "address"
    """The address does not exist or cannot."""
    MAILBOX = "mailbox"
    """The address exists; its mailbox does not take the mail at the moment or at all."""
    CONTENT = "content"
    """What is in the message."""
    REPUTATION = "reputation"
    """What the receiver thinks of the sending address, domain or rate."""
    AUTHENTICATION = "authentication"
    """SPF, DKIM, DMARC, reverse DNS: records of the sender."""
    NETWORK = "network"
    """The way there: DNS, routes, connections, TLS."""
    RECEIVER = "receiver"
    """The receiving system has trouble or rules of its own."""
    OURS = "ours"
    """We said something wrong, or are set up wrongly."""


class Cause(StrEnum):
    """Why. The value is stable (stored, shown, translated); the words are the English explanation."""

    words: str
    fault: Fault
    dead_address: bool
    """Nothing will ever arrive at this address: suppress it."""
    passing: bool
    """Of the kind that passes by itself, whatever the code says."""

    def __new__(cls, value: str, fault: Fault, words: str, kind: str = "") -> "Cause":
        member = str.__new__(cls, value)
        member._value_ = value
        member.fault = fault
        member.words = words
        member.dead_address = kind == "dead"
        member.passing = kind == "passing"
        return member

    NO_MAILBOX = "no_mailbox", Fault.ADDRESS, "No such mailbox at this domain.", "dead"
    NO_DOMAIN = "no_domain", Fault.ADDRESS, "The domain of the address does not exist or has no mail server.", "dead"
    BAD_ADDRESS = "bad_address", Fault.ADDRESS, "The address is not a valid one.", "dead"
    MOVED = "moved", Fault.ADDRESS, "The mailbox has moved away or is gone.", "dead"
    ACCEPTS_NO_MAIL = "accepts_no_mail", Fault.ADDRESS, "The domain says that it accepts no mail at all.", "dead"
    MAILBOX_DISABLED = "mailbox_disabled", Fault.MAILBOX, "The mailbox exists but is disabled or locked."
    MAILBOX_FULL = "mailbox_full", Fault.MAILBOX, "The mailbox is full.", "passing"
    MAILBOX_REFUSES = "mailbox_refuses", Fault.MAILBOX, "The recipient or their rules refused the message."
    TOO_LARGE = "too_large", Fault.CONTENT, "The message is larger than the receiver allows."
    SPAM = "spam", Fault.CONTENT, "The receiver took the message for spam."
    VIRUS = "virus", Fault.CONTENT, "The receiver found something dangerous in the message or its attachments."
    MALFORMED = "malformed", Fault.CONTENT, "The receiver refuses the way the message or its headers are written."
    NEEDS_UTF8 = "needs_utf8", Fault.CONTENT, "The receiver lacks SMTPUTF8, which the address or the headers need."
    POLICY = "policy", Fault.REPUTATION, "The receiver's policy refused the message."
    REPUTATION = "reputation", Fault.REPUTATION, "The receiver blocks the sending address or domain for its reputation."
    RATE = "rate", Fault.REPUTATION, "The receiver is getting too much mail at once.", "passing"
    GREYLISTED = "greylisted", Fault.REPUTATION, "The receiver asks first-time senders to come back later.", "passing"
    AUTHENTICATION = "authentication", Fault.AUTHENTICATION, "SPF, DKIM or DMARC of the sending domain did not pass."
    NO_REVERSE_DNS = "no_reverse_dns", Fault.AUTHENTICATION, "The sending address lacks a name that the receiver likes."
    SENDER_REFUSED = "sender_refused", Fault.AUTHENTICATION, "The receiver refused the sender's address."
    RELAY_DENIED = "relay_denied", Fault.RECEIVER, "The receiving host does not feel responsible for this domain."
    LOGIN_NEEDED = "login_needed", Fault.OURS, "The host wants a login or TLS before it takes mail."
    TOO_MANY_RECIPIENTS = (
        "too_many_recipients",
        Fault.RECEIVER,
        "The receiver takes fewer recipients at once.",
        "passing",
    )
    TOO_MANY_CONNECTIONS = (
        "too_many_connections",
        Fault.RECEIVER,
        "The receiver takes fewer connections at once.",
        "passing",
    )
    SYSTEM = "system", Fault.RECEIVER, "The receiving system has trouble of its own.", "passing"
    PROTOCOL = "protocol", Fault.OURS, "The two hosts did not understand each other."
    LOOP = "loop", Fault.RECEIVER, "The message went round in circles."
    NETWORK = "network", Fault.NETWORK, "The receiving host could not be reached or hung up.", "passing"
    DNS = "dns", Fault.NETWORK, "The domain's DNS gave no usable answer.", "passing"
    TLS = "tls", Fault.NETWORK, "An encrypted connection could not be made.", "passing"
    EXPIRED = "expired", Fault.NETWORK, "It could not be delivered within its life."
    UNKNOWN = "unknown", Fault.RECEIVER, "The receiver gave no reason that we can read."
