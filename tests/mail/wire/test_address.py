"""Are addresses read strictly, and refused with words that help?"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.wire.address import AddressError, Mailbox, canonical_domain, domain_of, parse_mailbox, parse_path, read_path


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("<user@shop.test>", "user", "shop.test"),
        ("<User.Name+tag@Shop.TEST>", "User.Name+tag", "shop.test"),
        ("<!#$%&'*+-/=?^_`{|}~@shop.test>", "!#$%&'*+-/=?^_`{|}~", "shop.test"),
        ('<"two words"@shop.test>', '"two words"', "shop.test"),
        ('<"a>b@c"@shop.test>', '"a>b@c"', "shop.test"),
        (r'<"say \"hi\""@shop.test>', r'"say \"hi\""', "shop.test"),
        ("<a%b@shop.test>", "a%b", "shop.test"),
        ("<u@[192.0.2.1]>", "u", "[192.0.2.1]"),
        ("<u@[IPv6:2001:DB8::1]>", "u", "[IPv6:2001:db8::1]"),
        ("<u@localhost>", "u", "localhost"),
        ("<jürgen@bücher.test>", "jürgen", "xn--bcher-kva.test"),
    ],
)
def test_a_path_is_read(text: str, local: str, domain: str) -> None:
    assert parse_path(text, utf8=True) == Mailbox(local, domain)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("user@shop.test", "angle brackets"),
        ("<user@shop.test", "closing angle bracket"),
        ("<user>", "no domain"),
        ("<@a.test,@b.test:user@shop.test>", "source routes"),
        ("<@shop.test>", "source routes"),
        ("<a..b@shop.test>", "not written"),
        ("<.a@shop.test>", "not written"),
        ("<a b@shop.test>", "not written"),
        ("<a@b@shop.test>", "not written"),
        ("<a@shop..test>", "not written as a domain"),
        ("<a@-shop.test>", "not written as a domain"),
        ("<a@shop_x.test>", "not written as a domain"),
        ("<a@shop.test.>", "not written as a domain"),
        ("<a@[300.0.0.1]>", "literal"),
        ("<a@[x:y]>", "literal"),
        ("<a\r\nRCPT TO:<b@shop.test>", "not written"),
        ("<a\0@shop.test>", "not written"),
        (f"<{'a' * 65}@shop.test>", "64 octets"),
        (f"<a@{'b' * 64}.test>", "not written as a domain"),
        (f"<a@{'b.' * 130}test>", "octets"),
        ("<>x", "between"),
    ],
)
def test_everything_else_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why):
        parse_path(text, utf8=True)


def test_the_null_path_is_no_mailbox() -> None:
    assert read_path("<> SIZE=1") == (None, "SIZE=1")


def test_parameters_stay_behind_as_written() -> None:
    assert read_path(" <u@shop.test>  SIZE=1 ENVID=Aa") == (Mailbox("u", "shop.test"), "SIZE=1 ENVID=Aa")


@pytest.mark.parametrize("text", ["<jürgen@shop.test>", "<u@bücher.test>"])
def test_utf8_needs_smtputf8(text: str) -> None:
    with pytest.raises(AddressError, match="SMTPUTF8"):
        parse_path(text)
    assert parse_path(text, utf8=True) is not None


def test_domains_are_canonical() -> None:
    assert canonical_domain("BÜCHER.test") == "xn--bcher-kva.test"
    assert domain_of("Someone@Shop.TEST") == "shop.test"
    assert domain_of("u@bücher.test") == "xn--bcher-kva.test"
    assert domain_of("") == ""


@given(st.text(max_size=80))
def test_whatever_is_accepted_reads_the_same_again(text: str) -> None:
    try:
        mailbox = parse_mailbox(text)
    except AddressError:
        return
    assert parse_mailbox(str(mailbox)) == mailbox
    assert "\r" not in str(mailbox)
    assert "\n" not in str(mailbox)


@pytest.mark.parametrize("text", ["<" + "a." * 100_000, '<"' + "a" * 200_000, "<a@" + "b-" * 100_000 + ">"])
def test_hostile_paths_are_refused_quickly(text: str) -> None:
    started = time.process_time()
    with pytest.raises(AddressError):
        read_path(text, utf8=True)
    assert time.process_time() - started < 0.5
