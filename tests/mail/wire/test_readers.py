"""Does mail with additions open alike in three other parsers, and does its signature hold? Every charset, encoding and sample.

The three: Python's `email` (the whole tree), dkimpy (header and body, and the signature), and the mail reader of Git (parts and
transfer encodings, in C).
"""

import email
import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import dkim as dkimpy
import pytest

from mail.wire import dkim, message
from mail.wire.additions import add
from mail.wire.lines import canonical
from tests.mail.wire.test_additions import ALL, ALTERNATIVE, CORPUS, MIXED
from tests.mail.wire.test_fidelity import CODECS, WORDS, cells, decoded
from tests.mail.wire.test_fidelity import message as made
from tests.support.dkim_check import dkimpy_verifies

PRIVATE, TXT = dkim.make_key(1024)
KEY = dkim.SigningKey("shop.test", "s1", PRIVATE)
KEYS = {"s1._domainkey.shop.test": TXT}
PLAN = message.Finishing("from test by mail.test", datetime(2026, 11, 23, tzinfo=UTC), "1@mail.test", (KEY,))
CELLS = [cell for kind in ("plain", "html") for cell in cells(kind)]


def read_by_git(content: bytes, folder: Path) -> bytes:
    """What `git mailinfo` takes for the words of a mail, in the charset that they came in."""
    subprocess.run(
        ["git", "mailinfo", "-k", "-b", "-n", str(folder / "words"), str(folder / "patch")],
        input=content.replace(b"\r\n", b"\n"),  # as mail lies in a mailbox
        capture_output=True,
        check=True,
        timeout=60,
    )
    return (folder / "words").read_bytes() + (folder / "patch").read_bytes()


def shown[T: (str, bytes)](text: T) -> list[T]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(("kind", "charset", "encoding"), CELLS)
def test_mail_with_additions_opens_alike(kind: str, charset: str, encoding: str, tmp_path: Path) -> None:
    codec = CODECS.get(charset, charset)
    words = "plain" if (charset, encoding) == ("utf-8", "7bit") else WORDS[charset]
    text = f"{words} https://shop.test/ {words}\r\nsecond line\r\n"
    page = f'<html><body><p>{words} <a href="https://shop.test/">{words}</a></body></html>\r\n'
    content = made(kind, charset, encoding, (page if kind == "html" else text).encode(codec))
    added = add(content, ALL)
    assert added.note is None
    finished = message.finish(added.content, PLAN, eight_bit=encoding == "8bit")

    assert dkimpy_verifies(finished, KEYS)
    fields, raw = dkimpy.rfc822_parse(finished)
    assert raw == finished.partition(b"\r\n\r\n")[2]
    assert [value for name, value in fields if name == b"List-Unsubscribe-Post"] == [b" List-Unsubscribe=One-Click\r\n"]

    parsed = email.message_from_bytes(finished)
    assert parsed.defects == []
    now = parsed.get_content_charset()
    said = decoded(finished, codec if now in (None, charset) else now)
    if kind == "html":
        assert said == (
            f'<html><body><div class=t>Top<p>{words} <a href="https://click.test/t/1">{words}</a>Bottom</div><p>Shop Ltd</p>'
            '<img src="https://click.test/t/p.gif" width="1" height="1" alt="" style="border:0;width:1px;height:1px">'
            "</body></html>\r\n"
        )
    else:
        assert shown(said) == ["Top", f"{words} https://click.test/t/1 {words}", "second line", "Bottom", "Shop Ltd"]
    # Git reads lines, which those of two and four bytes a letter do not have.
    if not charset.startswith(("utf-16", "utf-32")):
        raw = parsed.get_payload(decode=True)
        assert isinstance(raw, bytes)
        assert shown(read_by_git(finished, tmp_path)) == shown(raw)


def files_in(content: bytes) -> list[str]:
    """Digests of whatever is neither text nor made of parts."""
    found = [
        part
        for part in email.message_from_bytes(content).walk()
        if part.get_content_maintype() not in ("text", "multipart", "message")
    ]
    return [hashlib.sha256(part.get_payload(decode=True)).hexdigest() for part in found]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*(path.name for path in CORPUS), "alternative", "mixed"])
@pytest.mark.parametrize("eight_bit", [True, False])
def test_every_sample_is_signed_soundly_and_keeps_its_files(name: str, eight_bit: bool) -> None:
    samples = {path.name: path.read_bytes() for path in CORPUS} | {"alternative": ALTERNATIVE, "mixed": MIXED}
    content = canonical(samples[name])
    added = add(content, ALL)
    finished = message.finish(added.content, PLAN, eight_bit=eight_bit)
    if b"\nfrom:" in b"\n" + content.lower().partition(b"\r\n\r\n")[0]:
        assert dkimpy_verifies(finished, KEYS)
    assert files_in(finished) == files_in(message.finish(content, PLAN, eight_bit=eight_bit))
    try:
        dkimpy.rfc822_parse(content)
    except dkimpy.MessageFormatError:
        return  # what it could not read before it need not read now
    _, raw = dkimpy.rfc822_parse(finished)
    assert finished.endswith(raw)
