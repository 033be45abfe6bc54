"""Does a reply mean what it should: for the message, for the address, and whose fault it is?"""

import csv
import time
from datetime import timedelta
from pathlib import Path

import pytest

from mail.verdict import Bounced, Cause, Deferred, Delivered, Fault, Phase, explain_line, explain_lines, judge
from mail.verdict.rules import BY_CODE, BY_STATUS, LOUD, WORDS
from mail.wire.reply import Reply, from_text

CORPUS = Path(__file__).parent.parent / "corpus" / "replies"


def rows(name: str) -> list[dict[str, str]]:
    with (CORPUS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows("own.csv"), ids=lambda row: row["reply"][:60])
def test_a_reply_is_judged_in_its_phase(row: dict[str, str]) -> None:
    verdict = judge(from_text(row["reply"]), Phase(row["phase"]))
    assert type(verdict).__name__.lower() == row["outcome"]
    if row["cause"]:
        assert not isinstance(verdict, Delivered)
        assert verdict.cause.value == row["cause"]
    if isinstance(verdict, Bounced):
        assert verdict.suppress is (row["suppress"] == "1")
        assert verdict.fault is verdict.cause.fault


def test_dead_addresses_are_told_from_all_others() -> None:
    """At least 0.92 on replies from real bounces; what is left is labelled "filtered" there and says "User unknown"."""
    samples = rows("replies.csv")
    right = sum((explain_line(row["smtp_reply_text"]).outcome == "hard") == (row["class"] == "hard") for row in samples)
    assert right / len(samples) >= 0.92


def test_no_living_address_is_lost_for_the_senders_fault() -> None:
    """Where the sender, the content or the reputation is to blame, suppression would be our mistake: none at all."""
    blamed = [row for row in rows("replies.csv") if row["is_sender_side_block"] == "1"]
    wrong = [row["smtp_reply_text"] for row in blamed if explain_line(row["smtp_reply_text"]).outcome == "hard"]
    assert (len(blamed), wrong) == (29, [])


def test_large_providers_replies_end_or_retry_as_they_should() -> None:
    samples = rows("provider-replies.csv")
    wrong = []
    for row in samples:
        text = row["text"] if row["text"].startswith(row["code"]) else f"{row['code']} {row['text']}"
        ends = isinstance(judge(from_text(text)), Bounced)
        if ends != (row["expected"] == "permanent"):
            wrong.append(text)
    # A 501 is most often our own mistake, so that one is kept and tried again.
    assert wrong == ["501 Syntax error in parameters or arguments"]


@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL])
def test_nothing_said_before_rcpt_suppresses_an_address(phase: Phase) -> None:
    verdict = judge(Reply(550, "5.1.1", "no such user"), phase)
    assert not (isinstance(verdict, Bounced) and verdict.suppress)


def test_said_about_the_recipient_it_does() -> None:
    verdict = judge(Reply(550, "5.1.1", "no such user"), Phase.RCPT)
    assert verdict == Bounced(Cause.NO_MAILBOX, Fault.ADDRESS, suppress=True)


def test_words_inside_an_address_say_nothing() -> None:
    assert judge(from_text("550 5.1.1 <spam-virus.quota@far.test>: user unknown")) == Bounced(
        Cause.NO_MAILBOX, Fault.ADDRESS, suppress=True
    )


def test_a_bare_550_ends_the_message_and_spares_the_address() -> None:
    assert judge(Reply(550, None, "")) == Bounced(Cause.UNKNOWN, Fault.RECEIVER, suppress=False)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("451 4.7.1 try again in 5 minutes", 5),
        ("451 greylisted, please retry after 300 seconds", 5),
        ("450 wait 2 hours", 120),
        ("450 retry in 900 days", None),
        ("450 come back later", None),
        ("450 retry in 99999 hours", 24 * 60),
    ],
)
def test_a_stated_wait_is_read(text: str, minutes: int | None) -> None:
    verdict = judge(from_text(text))
    assert isinstance(verdict, Deferred)
    assert verdict.wait == (None if minutes is None else timedelta(minutes=minutes))


def test_too_many_recipients_may_follow_at_once_only_after_one_was_taken() -> None:
    reply = Reply(452, "4.5.3", "too many recipients")
    after, first = judge(reply, Phase.RCPT, after_accepted=True), judge(reply, Phase.RCPT)
    assert isinstance(after, Deferred)
    assert isinstance(first, Deferred)
    assert (after.at_once, first.at_once) == (True, False)


def test_explaining_a_line_gives_what_the_command_line_prints() -> None:
    assert explain_line("550 5.1.1 <gone@far.test>: no such user").as_json() == {
        "recipient": "gone@far.test",
        "class": "hard",
        "reason": "No such mailbox at this domain.",
        "status": "5.1.1",
        "reply": "550 5.1.1 <gone@far.test>: no such user",
    }
    assert explain_line("hello world").outcome == "unknown"
    assert explain_line("").outcome == "unknown"
    assert explain_line("250 2.0.0 queued").outcome == "delivered"
    assert explain_line("220 mx.far.test ESMTP").outcome == "unknown"
    assert explain_line("421 4.7.0 too much").outcome == "soft"


def test_the_lines_of_one_reply_are_explained_together() -> None:
    quoted = [
        "550-5.1.1 The email account that you tried to reach",
        "550-5.1.1 does not exist",
        "550 5.1.1 gone@far.test",
        "",
        "421 4.7.0 later",
        "250-cut off",
        "450 4.2.2 full",
    ]
    found = [(e.outcome, e.status, e.recipient) for e in explain_lines(quoted)]
    assert found == [
        ("hard", "5.1.1", "gone@far.test"),
        ("soft", "4.7.0", None),
        ("delivered", None, None),
        ("soft", "4.2.2", None),
    ]


def test_every_cause_has_words_and_a_fault() -> None:
    for cause in Cause:
        assert cause.words.endswith(".")
        assert isinstance(cause.fault, Fault)
    used = {cause for cause, _ in (*LOUD, *WORDS)} | set(BY_STATUS.values()) | set(BY_CODE.values())
    assert set(Cause) - used == {Cause.UNKNOWN}


@pytest.mark.parametrize("piece", ["user ", "mailbox is ", "a" * 5000, "blocked ", "@", "retry in ", "x@", " " * 3000])
def test_hostile_text_is_judged_quickly(piece: str) -> None:
    started = time.process_time()
    judge(from_text("550 " + piece * (200_000 // len(piece))))
    assert time.process_time() - started < 1
