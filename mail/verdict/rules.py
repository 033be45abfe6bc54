"""Which words and codes name which cause? Tables that `mail.verdict` reads: every rule is data, in order, first match wins.

A rule belongs here only if it would be right for a host that nobody has seen yet. Patterns meet lower-case text without
addresses. Sources: RFC 3463 and the IANA registry of enhanced status codes, RFC 5321 §4.2.3, RFC 7504, RFC 7505, and
the published reply lists of the large providers.
"""

import re

from mail.verdict.causes import Cause


def _rules(*rows: tuple[Cause, str]) -> tuple[tuple[Cause, re.Pattern[str]], ...]:
    return tuple((cause, re.compile(pattern)) for cause, pattern in rows)


_QUOTA = (
    r"(?:mail ?box|inbox|mailfolder|account|user|recipient|maildir|storage"
    r"|disk|spool)[^.]{0,30} (?:is |was )?(?:full|over ?quota|exceed)"
    r"|over ?-?(?:the )?(?:allowed |disk |mail ?box |storage |allotted )?quota"
    r"|quota (?:is )?(?:exceeded|full|violation)|exceed\w*[^.]{0,40}quota"
    r"|mailbox full|out of (?:storage|mail) space|insufficient (?:disk|storage|mailbox) (?:space)"
    r"|quotaexceeded|not enough (?:storage|disk) space"
)
_LISTED = (
    r"\b(?:rbl|dnsbl|dnswl|sbl|xbl|css|blacklist\w*|black-list\w*|blocklist\w*"
    r"|block list|spamhaus|spamcop|barracudacentral|sorbs|"
    r"senderscore|invaluement|uceprotect|abusix|proofpoint\.com/dnsbl)\b"
)

LOUD = _rules(
    # Words that win over any status: hosts hand out 5.1.1 and 5.7.1 for all of these.
    (Cause.TOO_MANY_RECIPIENTS, r"too many (?:recipients|rcpts)|recipients? limit|rcpt limit|recipient count exceed"),
    (Cause.MAILBOX_FULL, _QUOTA),
    (
        Cause.NEEDS_UTF8,
        r"smtputf8 (?:is )?(?:required|not supported)"
        r"|internationali[sz]ed (?:e-?mail )?address[^.]{0,30}not supported",
    ),
    (Cause.GREYLISTED, r"verification in progress"),
    (Cause.NO_DOMAIN, r"account or domain may not exist"),  # cPanel's Exim, of every address without a route
    (Cause.REPUTATION, _LISTED),
    (
        Cause.SENDER_REFUSED,
        r"\b(?:sender|return.?path|mail from|envelope.?from|from address|purported responsible)\b[^.]{0,40}"
        r"(?:address )?(?:rejected|refused|denied|unknown|invalid|not exist"
        r"|verif\w+ fail|must resolve|unverified|not found)"
        r"|(?:could|can)(?:not| not|n?'t) (?:verify|determine) (?:the )?(?:sender|purported)|sender verif"
        r"|invalid sender|unable to verify sender",
    ),
)
"""Words that decide even against a precise status."""


_NOT_EXIST = (
    r"(?:does|did|do)(?: not|n't|nt) exist|not? exist|doesn't have an? "
    r"|is not (?:a )?(?:known|valid|registered|local|listed)|not (?:a )?(?:known|valid) "
    r"|unknown|invalid|not found|nonexist|non-exist|no longer exist|has been (?:deleted|removed)"
    r"|was deleted|unrouteable"
)
_MAILBOX = (
    r"(?:user|account|mail ?box|mailbox name|recipient|addressee|address"
    r"|e-?mail(?: address| account)?|local.?part|login|alias|destinataire"
    r"|person)"
)

WORDS = _rules(
    # -- nobody is there at all
    (
        Cause.ACCEPTS_NO_MAIL,
        r"null ?mx"
        r"|(?:domain|host|server|system)[^.]{0,30}(?:does(?: not|n't)|never"
        r"|not) (?:accept|receive)s? (?:any )?(?:e-?mail|mail|messages)\b(?! (?:from"
        r"|for|with|to))"
        r"|accepts no (?:e-?mail|mail)|no mail (?:is )?accepted|does not accept smtp|indicated no smtp service",
    ),
    # -- how much, how often
    (
        Cause.TOO_MANY_CONNECTIONS,
        r"too many (?:\w+ ){0,3}(?:connections|sessions|concurrent)"
        r"|(?:maximum|number of)[^.]{0,20} connections|connection limit"
        r"|concurren\w+ (?:connection|session|limit)",
    ),
    (
        Cause.TOO_LARGE,
        r"(?:message|mail|size|e-?mail|attachment)[^.]{0,40}(?:too (?:large"
        r"|big|long)|exceed\w*[^.]{0,40}(?:size|limit|maximum|length)|size limit)"
        r"|(?:size|length) (?:limit )?exceed|maximum (?:message|allowed) size"
        r"|exceeds? (?:the )?(?:maximum|size)|recipsizelimit",
    ),
    (
        Cause.GREYLISTED,
        r"gr[ea]y.?list|postgrey|first.time sender|please (?:come back|retry) (?:later|in)"
        r"|try again in \d+ (?:s|m)|deferred by design",
    ),
    # -- who is sending
    (
        Cause.AUTHENTICATION,
        r"\b(?:spf|dkim|dmarc|arc)\b|unauthenticated|sender (?:id|policy framework)"
        r"|(?:sender|mail|message|email)[^.]{0,30} (?:is )?not authenticated"
        r"|authentication (?:results|checks?|requirements?|failed for domain)"
        r"|not pass(?:ed)? authentication|domain owner|does not designate",
    ),
    (
        Cause.NO_REVERSE_DNS,
        r"\b(?:ptr|rdns|fcrdns)\b|reverse (?:dns|host|lookup|mapping|name)|reverse-?dns"
        r"|(?:cannot|could not|unable to) (?:find|resolve) your (?:reverse )?host"
        r"|(?:helo|ehlo)[^.]{0,40}(?:reject|invalid|fqdn|fully|dynamic|not resolve)|invalid (?:helo|ehlo)"
        r"|bad (?:helo|ehlo)|hostname[^.]{0,30}dynamic"
        r"|generic (?:ptr|hostname)|client host rejected: cannot find",
    ),
    (
        Cause.LOGIN_NEEDED,
        r"authentication (?:is )?required|smtp auth"
        r"|auth(?:entication)? (?:is )?(?:needed|mandatory|first)"
        r"|must (?:first )?(?:authenticate|issue a starttls)"
        r"|log ?in first|requires? (?:smtp )?(?:authentication|encryption|tls)"
        r"|starttls (?:is )?(?:required|first)|not logged in",
    ),
    (
        Cause.RATE,
        r"rate.?(?:limit|control|exceed)|throttl|frequency (?:is )?limit"
        r"|(?:receiving|sending|received|sent)[^.]{0,40}\b(?:rate|too (?:fast|quickly|many|much))"
        r"|too many (?:\w+ ){0,2}(?:messages|mails|emails|requests|errors|attempts|failures|bad commands)"
        r"|unusual (?:rate|amount|volume|sending)|unexpected volume"
        r"|excessive(?:ly)? (?:\w+ ){0,2}(?:rate|volume|mail|connection)"
        r"|(?:daily|hourly|sending|message|mail) (?:\w+ )?limit (?:is )?(?:reached|exceed)"
        r"|exceeded[^.]{0,30}(?:messages|rate|limit per)"
        r"|try(?:ing)? to send too|slow down",
    ),
    (
        Cause.REPUTATION,
        r"reputation|\bbanned"
        r"|\bbloc(?:ked|quee)\b[^.]{0,60}\b(?:ip|host|address|client|server"
        r"|network|domain|list|using|by|for|spam|pour|due|see|-)"
        r"|(?:\bip\b|\bclient\b|\bhost\b|\bserver\b|\bnetwork\b|sending address"
        r"|your (?:domain|mail|e-?mail))[^.]{0,60}"
        r"(?:\bblock|bloquee|\bbann|listed|reject|refused|denied|not (?:allowed"
        r"|welcome|accept)|untrusted|suspicious|dynamic)"
        r"|untrusted (?:ip|host|sender)|(?:new|unknown) or untrusted|bad (?:ip|host|sender)|poor"
        r"|permanently deferred|temporarily deferred|user complaints|complaint"
        r"|(?:messages|mail|email|connections?) from (?:\S+ ){0,4}(?:not accepted"
        r"|refused|rejected|denied|blocked|weren't|will be|are being|is being)"
        r"|\((?:bl|rbl|pbl)\)|access denied[^.]{0,20}(?:ip|banned|bad)|network[^.]{0,20}block list"
        r"|mail server[^.]{0,20}block",
    ),
    # -- what is sent
    (
        Cause.VIRUS,
        r"virus|malware|infected|trojan|worm\b|phish|malicious|dangerous"
        r"|(?:attachment|file)[^.]{0,40}(?:not (?:allowed|permitted|accepted)"
        r"|block|prohibit|forbid|banned|type)"
        r"|potential(?:ly)? (?:security|dangerous|harmful)|content presents a potential|mcvirus|executable",
    ),
    (
        Cause.MALFORMED,
        r"rfc.?-?(?:5?2?822|5322|2045|compliant)|not rfc|compliant with"
        r"|multiple (?:\w+ )?(?:addresses|subject|from|headers)"
        r"|(?:missing|invalid|malformed|duplicate|bad|illegal|improper)[^.]{0,30}header"
        r"|header[^.]{0,30}(?:missing|invalid|malformed|not accepted|too)|bare (?:lf|cr|newline|line)"
        r"|line (?:is )?too long|8.?bit|mime (?:error|structure|part)|conversion|message-id"
        r"|no (?:date|from) (?:header)?",
    ),
    (
        Cause.SPAM,
        r"\bspam|spam\b|\bube\b|\buce\b|\bunsolicited|\bbulk\b|\bjunk\b"
        r"|(?:message|mail|e-?mail)? ?content[^.]{0,30}(?:reject|refus|denied"
        r"|not accept|unaccept|violat|block)"
        r"|(?:look|appear|seem|likely|considered)[^.]{0,20} (?:like |as |to be "
        r"|suspicious)[^.]{0,20}(?:spam|suspicious|advert)?"
        r"|spamsignature|suspicious|advertis|blacklisted url|\burl\b[^.]{0,30}(?:block|list)"
        r"|message (?:was )?(?:rejected|refused|blocked) by (?:\w+ )?(?:filter|anti|content)"
        r"|denied by (?:content|filter)|offensive|high probability",
    ),
    # -- where it goes: the mailbox exists but …
    (
        Cause.MAILBOX_DISABLED,
        r"(?:disabled|suspend|deactivat|locked|inactive|frozen|dormant|blocked"
        r"|on hold|expired|closed|abandoned|terminated|unused)[^.]{0,40}(?:user"
        r"|account|mail ?box|recipient|address|subscriber)"
        r"|(?:user|account|mail ?box|recipient|address|subscriber|e-?mail)[^.]{0,60}(?:is "
        r"|was |has been |been |currently |temporar\w+ |not )?"
        r"(?:disabled|suspend|deactivat|locked|inactive|not active|frozen|dormant"
        r"|on hold|expired|closed|abandoned|terminated|blocked)\b"
        r"|not been activated|inactivity",
    ),
    # -- … or it does not exist
    (
        Cause.MOVED,
        r"no longer (?:on|at|with|available|valid|in use|employed|works?|accept|here|active|used)"
        r"|has (?:been )?moved|address (?:has )?changed|left the (?:company|organi)|retired",
    ),
    (
        Cause.NO_DOMAIN,
        r"(?:host|domain|domain name)(?: name)?(?: is)? (?:unknown|not found"
        r"|does(?: not|n't) exist|lookup failed|invalid|has no|not (?:valid"
        r"|exist))"
        r"|unknown (?:host|domain)|no such (?:host|domain)"
        r"|could ?n[o']t find (?:a |any )?(?:mail exchanger|host|domain)"
        r"|(?:bad|invalid|nonexistent|non-existent) (?:destination )?(?:domain|host)|unrout(?:e)?able"
        r"|nxdomain"
        r"|name (?:service|server) error[^.]{0,30}not found"
        r"|no (?:mx|mail server|route)[^.]{0,20}(?:found|for)|illegal host",
    ),
    (
        Cause.BAD_ADDRESS,
        r"(?:address|recipient|mailbox|rcpt)[^.]{0,40}(?:syntax|not (?:a )?(?:valid"
        r"|rfc)|malformed|illegal)"
        r"|(?:syntax|malformed|illegal|bad)[^.]{0,30}(?:recipient|destination"
        r"|address|mailbox)\b[^.]{0,10}(?:syntax)?"
        r"|not a valid (?:rfc|address)|domain literal",
    ),
    (
        Cause.RELAY_DENIED,
        r"relay|rcpthosts|not (?:allowed|permitted|authori[sz]ed) to (?:send|relay)"
        r"|we do ?n[o']t (?:handle|accept mail for)|not a (?:gateway|relay)|mail exchanger"
        r"|not (?:a )?local (?:domain|host)|isn't (?:in|local)[^.]{0,20}domain",
    ),
    (
        Cause.NO_MAILBOX,
        rf"\bno such (?:\w+ )?{_MAILBOX}|{_MAILBOX}\b[^.]{{0,80}}(?:{_NOT_EXIST})"
        rf"|(?:unknown|invalid|nonexistent|non-existent|inexist\w+|incorrect"
        rf"|undefined|unrecogni[sz]ed|wrong) (?:or \w+ )?(?:\w+ )?{_MAILBOX}"
        rf"|no (?:\w+ )?{_MAILBOX}\b[^.]{{0,20}}(?:here|found|by that name|with that|named)"
        rf"|(?:this|that) user doesn't|not (?:our|a|an?y) (?:\w+ )?(?:user|customer|subscriber|account)"
        r"|recipient (?:not found|unknown)|recipnotfound|no mailbox|not listed in"
        r"|mailbox (?:is )?(?:unavailable|not (?:available|found)|not allowed)|mailbox name not"
        r"|not known here|user not (?:found|exist|known|local)"
        r"|no (?:valid )?recipients?|no one (?:here|by)"
        r"|could ?n[o']t (?:be )?(?:find|found) (?:the )?(?:user|recipient)|unknown (?:local|in|to)"
        r"|invalid (?:\w+ ){0,2}user ?id"
        r"|directory|not in (?:our|my|the) (?:list|database)|n'existe pas|invalide\b|unbekannt"
        r"|(?:empfänger|adresse|benutzer|postfach|destinatari|usuario|cuenta|buz[óo]n|utente|casella|indirizzo|caixa|conta\b"
        r"|получател|пользовател|ящик|адрес)\w*[^.]{0,40}"
        r"(?:existiert nicht|nicht gefunden|no existe|non esiste|inesistent|não existe|inexistente|не существует|не найден)"
        r"|desconhecido|desconocido|sconosciuto|inconnu"
        r"|^(?:recipient )?address rejected\.?$|recipient address rejected\W*(?:access denied|$)"
        r"|\bundeliverable address",
    ),
    # -- rules of the receiver
    (
        Cause.MAILBOX_REFUSES,
        r"\bfiltered\b|restrict|not (?:allowed|permitted|authori[sz]ed) to (?:send|deliver|post|mail)"
        r"|recipient (?:refus|does not accept|has block|not accept)|only accepts|members? only"
        r"|only (?:\w+ )?(?:members|subscribers)|moderat"
        r"|(?:prohibit|refus)\w* by (?:the )?(?:user|recipient)|whitelist|not accepting (?:mail|messages)",
    ),
    (
        Cause.POLICY,
        r"polic(?:y|ies)|administrat|local(?:ly)? (?:configured|rule)|not (?:allowed|permitted)|prohibit"
        r"|security|forbidden|access denied|not accepted for|customi[sz]ed",
    ),
    # -- the dialogue and the machines
    (Cause.LOOP, r"too many hops|\bloops?(?:ing|ed)?\b|hop count|exceeded maximum hop|received headers"),
    (
        Cause.EXPIRED,
        r"message expired|delivery (?:time )?(?:expired|timed? ?out)"
        r"|retry (?:time(?:out)? )?(?:exceeded|expired)|undeliverable (?:for|after)|queue (?:time|life)"
        r"|too old|failing for a long time",
    ),
    (
        Cause.PROTOCOL,
        r"syntax error|sequence of commands|bad sequence|command (?:not|un)|unrecogni[sz]ed command"
        r"|unknown command|not implemented|unimplemented|need (?:mail|rcpt|helo|ehlo)"
        r"|protocol (?:error|violation)|parameter|pipelining|polite",
    ),
    (Cause.TLS, r"\btls\b|\bssl\b|encrypt|certificate|handshake"),
    (
        Cause.NETWORK,
        r"timed? ?out|timeout|connection (?:\w+ ){0,2}(?:refused|reset|lost|dropped|closed|failed|timed)"
        r"|unreachable|no route|network (?:error|is)|lost connection|broken pipe",
    ),
    (
        Cause.DNS,
        r"(?:dns|name ?server|mx|domain|host|nameservice)[^.]{0,40}(?:error"
        r"|fail|lookup|temporar|not respond)"
        r"|could not (?:load|resolve)|try again.{0,10}dns|lookup fail",
    ),
    (
        Cause.SYSTEM,
        r"temporar|try (?:again|later)|later|resource|internal|transaction failed"
        r"|(?:service|server|system|mail server)[^.]{0,40}(?:unavailable|not available"
        r"|busy|error|fail|down|shut|refus|stor|overload|full|load)"
        r"|overload|\bbusy|disk|i/o|database|ldap|memory|insufficient system|configuration|misconfig"
        r"|maintenance|queue|could not be delivered|delivery error"
        r"|unable to (?:deliver|process|queue|accept)|error (?:in|while) processing|local error",
    ),
)  # fmt: skip
"""Words, tried in order where the status names no cause precisely."""


BY_STATUS: dict[str, Cause] = {
    # RFC 3463 §3.2 and the IANA registry; the class digit is left off: it says when, not why.
    ".1.1": Cause.NO_MAILBOX,
    ".1.2": Cause.NO_DOMAIN,
    ".1.3": Cause.BAD_ADDRESS,
    ".1.4": Cause.BAD_ADDRESS,
    ".1.6": Cause.MOVED,
    ".1.7": Cause.SENDER_REFUSED,
    ".1.8": Cause.SENDER_REFUSED,
    ".1.9": Cause.SYSTEM,
    ".1.10": Cause.ACCEPTS_NO_MAIL,  # RFC 7505 §4.2
    ".2.2": Cause.MAILBOX_FULL,
    ".2.3": Cause.TOO_LARGE,
    ".3.1": Cause.SYSTEM,
    ".3.4": Cause.TOO_LARGE,
    ".4.2": Cause.NETWORK,
    ".4.3": Cause.DNS,
    ".4.5": Cause.SYSTEM,
    ".4.6": Cause.LOOP,
    ".4.7": Cause.EXPIRED,
    ".5.3": Cause.TOO_MANY_RECIPIENTS,
    ".6.7": Cause.NEEDS_UTF8,  # RFC 6531 §3.5
    ".6.9": Cause.NEEDS_UTF8,
    ".7.2": Cause.MAILBOX_REFUSES,
    ".7.8": Cause.LOGIN_NEEDED,
    ".7.13": Cause.MAILBOX_DISABLED,  # RFC 5248
    ".7.15": Cause.POLICY,
    ".7.17": Cause.MOVED,  # RFC 7293: the mailbox has a new owner
    ".7.18": Cause.MOVED,
    ".7.20": Cause.AUTHENTICATION,  # RFC 7372
    ".7.21": Cause.AUTHENTICATION,
    ".7.22": Cause.AUTHENTICATION,
    ".7.23": Cause.AUTHENTICATION,
    ".7.24": Cause.AUTHENTICATION,
    ".7.25": Cause.NO_REVERSE_DNS,
    ".7.26": Cause.AUTHENTICATION,
    ".7.27": Cause.SENDER_REFUSED,  # RFC 7505 §4.2: the sender's domain has a null MX
    ".7.28": Cause.RATE,
    ".7.30": Cause.TLS,
    ".7.509": Cause.AUTHENTICATION,
    ".7.511": Cause.REPUTATION,
    ".7.515": Cause.AUTHENTICATION,
}
"""Statuses that name one cause precisely. 5.2.1, 5.4.1, 5.7.1 and all *.0 are missing on purpose: hosts use them for everything."""

BY_STATUS_CLASS: tuple[tuple[str, Cause], ...] = (
    (".1.", Cause.NO_MAILBOX),
    (".2.1", Cause.MAILBOX_DISABLED),
    (".2.", Cause.MAILBOX_REFUSES),
    (".3.", Cause.SYSTEM),
    (".4.4", Cause.NO_DOMAIN),
    (".4.", Cause.NETWORK),
    (".5.", Cause.PROTOCOL),
    (".6.", Cause.MALFORMED),
    (".7.6", Cause.REPUTATION),
    (".7.", Cause.POLICY),
)
"""The status's subject, where neither it nor the words were precise; first prefix wins."""

BY_CODE: dict[int, Cause] = {
    421: Cause.SYSTEM,
    450: Cause.SYSTEM,
    451: Cause.SYSTEM,
    452: Cause.SYSTEM,
    454: Cause.TLS,
    455: Cause.PROTOCOL,
    500: Cause.PROTOCOL,
    501: Cause.PROTOCOL,
    502: Cause.PROTOCOL,
    503: Cause.PROTOCOL,
    504: Cause.PROTOCOL,
    521: Cause.ACCEPTS_NO_MAIL,  # RFC 7504 §3
    530: Cause.LOGIN_NEEDED,
    534: Cause.LOGIN_NEEDED,
    535: Cause.LOGIN_NEEDED,
    538: Cause.LOGIN_NEEDED,
    551: Cause.MOVED,  # RFC 5321 §3.4
    555: Cause.PROTOCOL,
    556: Cause.ACCEPTS_NO_MAIL,  # RFC 7504 §4
}
"""The bare code. 550, 552, 553 and 554 say nothing by themselves, so a wordless 550 ends the message and spares the address."""
