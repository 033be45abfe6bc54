"""Is it found out what came back and about whom, whoever wrote it and however it was broken on the way?"""

import csv
import json
import resource
import time
from collections import Counter
from pathlib import Path

import pytest

from mail.wire import parts
from mail.wire.returned import Kind, mails, read

CORPUS = Path(__file__).parent.parent.parent / "corpus"
HEAD = b"From: MAILER-DAEMON@x.test\r\nTo: s@y.test\r\nSubject: failure notice\r\n"


def rows(folder: str, name: str = "expected.csv") -> list[dict[str, str]]:
    with (CORPUS / folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def found(folder: str, name: str) -> list[str | None]:
    content = (CORPUS / folder / name).read_bytes()
    return [one.recipient for mail in mails(content) for one in read(mail).findings]


def test_recipients_of_real_bounces_are_found() -> None:
    """At least 95 % of them, counted one by one; nobody is named whom the bounce does not name."""
    wanted: dict[str, list[str]] = {}
    for row in rows("bounces", "recipients.csv"):
        wanted.setdefault(row["file"], []).append(row["recipient"])
    assert sum(map(len, wanted.values())) == len(rows("bounces")) == 198
    got = {name: found("bounces", name) for name in wanted}
    right = sum((Counter(got[name]) & Counter(people)).total() for name, people in wanted.items())
    assert right >= 0.95 * 198
    assert {name for name in wanted if got[name] != wanted[name]} == set()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("bounces", Kind.BOUNCE), ("complaints", Kind.COMPLAINT), ("autoreplies", Kind.AUTOREPLY)],
)
def test_bounces_complaints_and_automatic_replies_are_told_apart(folder: str, kind: Kind) -> None:
    names = sorted({row["file"] for row in rows(folder)})
    wrong = [name for name in names for mail in mails((CORPUS / folder / name).read_bytes()) if read(mail).kind != kind]
    assert wrong == []


def test_complaints_name_who_complained_where_the_reporter_did_not_black_it_out() -> None:
    assert {row["file"]: found("complaints", row["file"]) for row in rows("complaints")} == {
        "arf-11.eml": [None],  # To: <Undisclosed Recipients>
        "arf-12.eml": ["user@example.com"],
        "arf-15.eml": [None],  # To: "undisclosed"
        "arf-17.eml": ["kijitora@example.com", "sabatora@example.net"],
        "arf-22.eml": ["kijitora@example.com"],
        "arf-26.eml": ["example@icloud.com"],
    }
    assert [read((CORPUS / "complaints" / name).read_bytes()).feedback for name in ("arf-11.eml", "arf-26.eml")] == [
        "abuse",
        "opt-out",
    ]


def test_complaints_name_their_loop() -> None:
    """By the domain of who reports, else the program; what a provider posts by the loop behind it."""
    loops = {row["file"]: read((CORPUS / "complaints" / row["file"]).read_bytes()).loop for row in rows("complaints")}
    assert loops == {
        "arf-11.eml": "example.com",
        "arf-12.eml": "example.com",
        "arf-15.eml": "feedback.example.org",
        "arf-17.eml": "example.org",
        "arf-22.eml": "hotmail.com",
        "arf-26.eml": "icloud.com",
    }
    report = (CORPUS / "complaints" / "arf-11.eml").read_bytes()
    nameless = report.replace(b"From: <neko@example.com>", b"X-From: nobody", 1)
    assert read(nameless).loop == "ARF-Agent/1.0"
    assert read(nameless.replace(b"User-Agent: ", b"X-Agent: ")).loop is None
    mailed = (CORPUS / "dialects" / "json-complaint.eml").read_bytes()
    told = mailed.replace(b'"complaintFeedbackType"', b'"userAgent":"Yahoo!-Mail-Feedback/2.0","complaintFeedbackType"')
    assert (read(mailed).loop, read(told).loop) == ("notify.example", "Yahoo!-Mail-Feedback/2.0")
    posted = mailed.partition(b"\n\n")[2]
    assert (read(posted).kind, read(posted).loop) == (Kind.COMPLAINT, "http")
    bounce = (CORPUS / "dialects" / "json-bounce.eml").read_bytes()
    assert (read(bounce).kind, read(bounce).loop) == (Kind.BOUNCE, None)


def test_the_name_of_a_loop_is_one_short_line_whatever_stands_there() -> None:
    mailed = (CORPUS / "dialects" / "json-complaint.eml").read_bytes()

    def named(agent: str) -> str | None:
        return read(
            mailed.replace(b'"complaintFeedbackType"', b'"userAgent":%s,"complaintFeedbackType"' % agent.encode())
        ).loop

    assert named(json.dumps("a\0b\r\n\u202ec\ud800  d")) == "a b c d"
    assert named(json.dumps("x" * 5_000)) == "x" * 100
    assert named(json.dumps("\0")) == named("null") == "notify.example"


def test_the_sender_is_never_the_one_that_failed() -> None:
    words = b"\r\nDelivery failed.\r\n\r\ninfo@shop.test tried to write to you.\r\n\r\n<gone@b.test>:\r\n550 no\r\n"
    assert [one.recipient for one in read(HEAD + words).findings] == ["info@shop.test", "gone@b.test"]
    assert [one.recipient for one in read(HEAD + words, own=["Info@Shop.test"]).findings] == ["gone@b.test"]


def test_what_was_sent_is_not_read_as_a_report() -> None:
    """A bounce of a bounce: only the outer one speaks."""
    inner = (CORPUS / "bounces" / "lhost-postfix-04.eml").read_bytes()
    status = b"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; outer@b.test\nAction: failed\nStatus: 5.2.2\n"
    content = (
        b"From: mailer-daemon@x.test\nContent-Type: multipart/report; boundary=outer\n\n--outer\n"
        b"Content-Type: message/delivery-status\n\n" + status + b"\n--outer\nContent-Type: message/rfc822\n\n" + inner
    )
    assert [one.recipient for one in read(content + b"\n--outer--\n").findings] == ["outer@b.test"]


NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(2000))
MANY = b"".join(b"<a%d@b.c>: 550 no\r\n" % i for i in range(50_000))
REPORTS = b"".join(b"Final-Recipient: rfc822; a%d@b.c\r\nAction: failed\r\n\r\n" % i for i in range(20_000))
HOSTILE = {
    "multiparts in multiparts": NESTED,
    "100,000 parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "brackets": b"Subject: " + b"(" * 300_000 + b"\r\n\r\nx",
    "an endless To": b"To: " + b"a@b.c, " * 60_000 + b"\r\n\r\n550 x",
    "an endless Content-Type": b"Content-Type: multipart/mixed;" + b' boundary="\\' * 80_000 + b"\r\n\r\n",
    "at signs": b"\r\n" + b"@" * 900_000,
    "addresses": b"\r\n" + b"a@b.c " * 150_000,
    "recipients": b"\r\n" + MANY,
    "reported recipients": b"Content-Type: message/delivery-status\r\n\r\n" + REPORTS,
    "both": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    + MANY[:200_000]
    + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + REPORTS,
    "folds": b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: x\r\nStatus: 5\r\nDiagnostic-Code: x"
    + b"\r\n y" * 250_000,
    "failed recipients": b"X-Failed-Recipients: "
    + b"".join(b"a%d@b.c, " % i for i in range(40_000))
    + b"\r\n\r\n"
    + MANY,
    "tags": b"Content-Type: text/html\r\n\r\n" + b"<a " * 300_000,
    "scripts": b"Content-Type: text/html\r\n\r\n" + b"<script" * 120_000,
    "rules": b"\r\nuser a@b.c\r\n" + (b"-" * 1900 + b"\r\n") * 500,
    "mixed rules": b"\r\nuser a@b.c\r\n" + (b"- = * _ | > " * 160 + b"original\r\n") * 300,
    "spaces": b"\r\n" + (b" " * 1900 + b"a@b.c\r\n") * 500,
    "codes": b"\r\n<a@b.c>:\r\n" + b"550 " * 200_000,
    "statuses": b"\r\n<a@b.c>:\r\n" + b"5.1." * 200_000,
    "json": b"\r\n" + b'{"notificationType":"Bounce","bounce":{"a":' + b"[" * 400_000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"A" * 1_000_001,
    "a charset that is none": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"-" * 300_000,
    "fields": b"A: b\r\n" * 150_000,
    "nothing": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_mail_is_read_in_time(what: str) -> None:
    """A second is forty times what the slowest of them takes; what is quadratic takes minutes."""
    begun = time.process_time()
    told = read(HEAD + HOSTILE[what])
    assert time.process_time() - begun < 1
    assert 1 <= len(told.findings) <= 200


def test_hostile_mail_is_read_in_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content in HOSTILE.values():
        read(HEAD + content * 20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_bytes_of_any_kind_are_read() -> None:
    """Every real sample, cut anywhere and with any byte turned over: read, and never failed."""
    samples = sorted((CORPUS / "bounces").glob("*.eml"))[::12]
    for number, sample in enumerate(samples):
        content = sample.read_bytes()[:4_000]
        for step in range(0, len(content), 211):
            read(content[:step])
            read(content[:step] + bytes([(step * 7 + number) % 256]) + content[step + 1 :])


def test_parts_are_read_in_their_charset_and_encoding() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=iso-8859-1\n"
        b"Content-Transfer-Encoding: quoted-printable\n\ngr=FCn =\nund\n--b\nContent-Type: text/html; charset=utf-8\n"
        b"Content-Transfer-Encoding: base64\n\nPHA+Z3LDvG48L3A+\n--b--\n"
    )
    assert [words.strip() for words in parts.read(content).words] == ["grün und"]
    html = content.replace(b"text/plain", b"image/png")
    assert [words.strip() for words in parts.read(html).words] == ["grün"]


def test_an_mbox_is_several_mails() -> None:
    assert len(mails((CORPUS / "bounces" / "rfc3464-28.eml").read_bytes())) == 2
    assert len(mails(b"From: a@b.test\n\n\nFrom c@d.test Thu Apr 29 23:34:45 2015\n")) == 1


def test_a_notification_is_read_with_and_without_a_mail_around_it() -> None:
    mailed = (CORPUS / "dialects" / "json-bounce.eml").read_bytes()
    posted = mailed[mailed.index(b"{") :]
    assert read(posted) == read(mailed)
    assert [one.recipient for one in read(posted).findings] == ["gone@b.example"]
    inside = b'{"Type": "Notification", "Message": %s}' % json.dumps(posted.decode()).encode()
    assert read(inside) == read(mailed)
