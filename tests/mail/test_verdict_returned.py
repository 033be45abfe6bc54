"""Does a mail that came back mean what it should: is the address dead, who complained, and was that a report at all?"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from mail.verdict.returned import Fate, explain, fates, is_mail
from mail.wire.returned import Kind

CORPUS = Path(__file__).parent.parent / "corpus"


def rows(folder: str) -> list[dict[str, str]]:
    with (CORPUS / folder / "expected.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def judged(folder: str) -> Iterator[tuple[dict[str, str], Fate]]:
    told: dict[str, list[Fate]] = {}
    for row in rows(folder):
        name = row["file"]
        if name not in told:
            told[name] = list(explain((CORPUS / folder / name).read_bytes()))
        yield row, told[name][int(row["nth_recipient"]) - 1]


def test_dead_addresses_are_told_from_all_others_in_real_bounces() -> None:
    """At least 0.92; what is left says "User unknown" and is labelled by what its authors knew besides, or the reverse."""
    known = [(row, fate) for row, fate in judged("bounces") if row["class"] in ("hard", "soft")]
    assert len(known) == 190
    assert sum((fate.outcome == "hard") == (row["class"] == "hard") for row, fate in known) / len(known) >= 0.95


def test_no_living_address_is_lost_for_the_senders_fault() -> None:
    blamed = [(row, fate) for row, fate in judged("bounces") if row["is_sender_side_block"] == "1"]
    assert (len(blamed), [row["file"] for row, fate in blamed if fate.outcome == "hard"]) == (54, [])


def test_deliveries_are_no_bounces() -> None:
    assert {fate.outcome for row, fate in judged("bounces") if row["class"] == "delivered"} == {"delivered"}


def test_complaints_and_automatic_replies_are_all_told_apart() -> None:
    assert {fate.outcome for folder in ("complaints",) for _, fate in judged(folder)} == {"complaint"}
    assert {fate.outcome for _, fate in judged("autoreplies")} == {"autoreply"}


@pytest.mark.parametrize("name", sorted({row["file"] for row in rows("dialects")}))
def test_home_grown_dialects_are_understood(name: str) -> None:
    kind, told = fates((CORPUS / "dialects" / name).read_bytes())
    got = [
        (kind.value, fate.recipient or "", fate.outcome, fate.cause.value if fate.cause else "", str(int(fate.final)))
        for fate in told
    ]
    expected = [
        tuple(row[key] for key in ("kind", "recipient", "class", "cause", "final"))
        for row in rows("dialects")
        if row["file"] == name
    ]
    assert sorted(got) == sorted(expected)


def test_user_unknown_after_data_is_a_filter_unless_the_status_says_otherwise() -> None:
    """The host had taken the recipient at RCPT."""
    told = (
        "From: mailer-daemon@x.test\n\n<a@b.test>: host b.test[192.0.2.1] said: 550 {} unknown user (in reply to {})\n"
    )

    def outcome(status: str, command: str) -> str:
        return fates(told.format(status, command).encode())[1][0].outcome

    assert outcome("5.0.0", "end of DATA command") == "soft"
    assert outcome("5.0.0", "RCPT TO command") == "hard"
    assert outcome("5.1.1", "end of DATA command") == "hard"


def test_a_delay_is_never_the_end_of_an_address() -> None:
    report = (
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; a@b.test\n"
        b"Action: %s\nStatus: 4.1.1\nDiagnostic-Code: smtp; 450 4.1.1 user unknown\n"
    )
    assert [(fate.outcome, fate.final) for fate in fates(report % b"delayed")[1]] == [("soft", False)]
    assert [(fate.outcome, fate.final) for fate in fates(report % b"failed")[1]] == [("hard", True)]


def test_mails_are_told_from_replies() -> None:
    assert is_mail(b"Received: from x\r\n\r\n")
    assert is_mail(b"From MAILER-DAEMON  Thu Apr 29 23:34:45 2015\nReturn-Path: <>\n")
    assert not is_mail(b"550 5.1.1 <a@b.test>: no such user\n")
    assert not is_mail(b"550-5.1.1: no\n550 5.1.1: such user\n")
    assert fates(b"hello")[0] is Kind.UNKNOWN


def by(author: str, words: str) -> bytes:
    """A mail to the return path of ann@remote.test."""
    head = f"From: {author}\nSubject: Re: Your parcel\nIn-Reply-To: <1@shop.test>\nReferences: <1@shop.test>\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{words}".encode()


PEOPLE_WRITE = {
    "a second address in the signature": "It was not delivered, sorry.\n\nAnn Reader\nann.reader@work.test\n",
    "the quoted original": "Tomorrow, please.\n\nOn Mon, Shop <user@shop.test> wrote:\n"
    "> Your parcel was not delivered to ann@remote.test.\n> help@carrier.test\n",
    "of somebody else": "My mail to bob@other.test failed to deliver: 550 5.1.1 unknown user\n",
    "of an address of their own": "I moved. ann@remote.test is undeliverable soon, use ann@new.test\n",
    "a bounce they got, pasted": "I tried to answer and got this, what now?\n\nI'm sorry to have to inform you that your\n"
    "message could not be delivered.\n<support@shop.test>: host mx said: 550 5.1.1 User unknown\n",
    "a report they got, quoted": "See what I got\n\n> Final-Recipient: rfc822; support@shop.test\n> Action: failed\n"
    "> Status: 5.1.1\n",
}


@pytest.mark.parametrize("words", PEOPLE_WRITE.values(), ids=PEOPLE_WRITE)
def test_what_people_write_of_failed_mail_is_no_bounce(words: str) -> None:
    kind, told = fates(by("Ann Reader <ann@remote.test>", words), ["user@shop.test"], "ann@remote.test")
    assert (kind, [fate.final for fate in told]) == (Kind.UNKNOWN, [False])


@pytest.mark.parametrize("author", ["MAILER-DAEMON@remote.test", "Mail Gateway <gateway@remote.test>"])
def test_whoever_says_that_the_recipient_itself_was_not_reached_is_believed(author: str) -> None:
    """The twin: a mail system by its name, and one whose name says nothing."""
    words = "Your message could not be delivered.\n<Ann@remote.test>: 550 5.1.1 User unknown\n"
    kind, told = fates(by(author, words), ["user@shop.test"], "ann@remote.test")
    assert (kind, [(fate.recipient, fate.outcome) for fate in told]) == (Kind.BOUNCE, [("Ann@remote.test", "hard")])


def test_a_mail_system_is_believed_about_whom_the_mail_was_passed_on_to() -> None:
    words = "Your message could not be delivered.\n<ann@new.test>: 550 5.1.1 User unknown\n"
    kind, told = fates(by("postmaster@remote.test", words), ["user@shop.test"], "ann@remote.test")
    assert (kind, [(fate.recipient, fate.outcome) for fate in told]) == (Kind.BOUNCE, [("ann@new.test", "hard")])


def test_home_grown_dialects_say_the_same_of_whom_the_return_path_names() -> None:
    for row in rows("dialects"):
        if row["kind"] == "bounce" and row["recipient"]:
            kind, told = fates((CORPUS / "dialects" / row["file"]).read_bytes(), about=row["recipient"])
            about = [fate for fate in told if (fate.recipient or "").lower() == row["recipient"].lower()]
            assert (kind, [(fate.outcome, str(int(fate.final))) for fate in about]) == (
                Kind.BOUNCE,
                [(row["class"], row["final"])],
            ), row["file"]
