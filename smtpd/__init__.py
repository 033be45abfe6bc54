"""How does mail come in by SMTP? This package is one of three doors: it translates and never decides.

    listeners   ports, shared between processes               tls      the certificate, followed as it is renewed
    session     one conversation: commands in, replies out    connection, stream   its bytes, time and places
    login       who is this: AUTH, or a known network         limits   how much anybody may do
    parameters  what MAIL and RCPT say                        content  where a message ends, which bytes are refused
    handler     the final dot: `mail.intake.accept`           returns  port 25 for strangers: `mail.returns`
    replies     what we say                                   measures what we count
    process     start and stop

aiosmtpd is known here and nowhere else. RFC 5321 is spoken, with 1870 SIZE, 2034 and 3463 enhanced codes,
2920 PIPELINING, 3207 STARTTLS, 3461 DSN, 3848 the words after "with", 4954 AUTH, 6152 8BITMIME, 6409 submission,
6531 SMTPUTF8, 8314 implicit TLS.
"""

from smtpd.process import serve

__all__ = ["serve"]
