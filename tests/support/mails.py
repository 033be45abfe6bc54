"""Which mails do flows send, and what may have been added to one on its way? Bytes in, bytes compared."""

import base64
import random
import re
from collections.abc import Collection

OURS = frozenset({"received", "dkim-signature", "date", "message-id"})
"""Header fields that the platform may put on top of a submitted message."""

POSTFIX = frozenset({"return-path", "x-original-to", "delivered-to", "received"})
"""Header fields that Postfix puts on top when it delivers into a maildir."""


def rich(sender: str, to: str, *, seed: int = 1) -> bytes:
    """Return a message with a non-ASCII subject, 8-bit text, HTML, and an attachment in Latin-1 and one in base64."""
    chance = random.Random(seed)
    binary = _base64(chance.randbytes(20_000))
    return (
        (
            f"From: =?utf-8?Q?Sch=C3=B6ne?= Shop <{sender}>\r\n"
            f"To: {to}\r\n"
            "Subject: =?utf-8?B?R3LDvMOfZSDigJMg16nXnNeV150=?=\r\n"
            "Date: Mon, 23 Nov 2026 10:00:00 +0100\r\n"
            f"Message-ID: <rich-{seed}@shop.test>\r\n"
            "X-Odd-Spacing:   kept   as  it is\t\r\n"
            "X-Folded: one\r\n"
            "\ttwo\r\n"
            "MIME-Version: 1.0\r\n"
            'Content-Type: multipart/mixed; boundary="outer"\r\n'
            "\r\n"
            "This is a preamble.\r\n"
            "--outer\r\n"
            'Content-Type: multipart/alternative; boundary="inner"\r\n'
            "\r\n"
            "--inner\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n"
            "\r\n"
            "Grüße aus Zürich — שלום, привет.  \r\n"
            ".\r\n"
            "..two dots, then trailing blanks   \t\r\n"
            "From the start of a line\r\n"
            "--inner\r\n"
            "Content-Type: text/html; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n"
            "\r\n"
            "<p>Grüße</p>\r\n"
            "--inner--\r\n"
            "\r\n"
            "--outer\r\n"
            "Content-Type: text/plain; charset=iso-8859-1\r\n"
            "Content-Transfer-Encoding: 8bit\r\n"
            'Content-Disposition: attachment; filename="latin.txt"\r\n'
            "\r\n"
        ).encode()
        + "Über 8-bit, nicht UTF-8\r\n".encode("iso-8859-1")
        + b"--outer\r\n"
        b"Content-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename*=utf-8''bl%C3%B6b.bin\r\n"
        b"\r\n" + binary + b"--outer--\r\n"
        b"An epilogue, and empty lines at the end.\r\n\r\n\r\n"
    )


def plain(sender: str, to: str, text: str = "hello") -> bytes:
    """Return a small, complete message."""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {text}\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n"
        f"Message-ID: <{text.replace(' ', '-')}@test>\r\n\r\n{text}\r\n"
    ).encode()


def added(delivered: bytes, submitted: bytes, allowed: Collection[str] = OURS) -> list[str]:
    """Return the names of the header fields put on top; AssertionError unless all else is the submitted bytes."""
    assert delivered.endswith(submitted), f"not the bytes that were submitted:\n{delivered[:3000]!r}"
    top = delivered[: len(delivered) - len(submitted)]
    names = [name.decode().lower() for name in re.findall(rb"(?m)^([!-9;-~]+):", top)]
    assert re.fullmatch(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*", top), f"not header fields: {top!r}"
    assert set(names) <= set(allowed), f"added {names}"
    return names


def _base64(data: bytes) -> bytes:
    return base64.encodebytes(data).replace(b"\n", b"\r\n")
