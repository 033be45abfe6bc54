"""Has a mailbox one spelling, whatever was typed?"""

import pytest

from kit.errors import Kind, LiveryError
from tenants import emails
from tenants.throttle import poured


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("vic@flood2.test", "vic@flood2.test"),
        (" Vic@FLOOD2.test\n", "vic@flood2.test"),
        ("vic@\uff46\uff4c\uff4f\uff4f\uff44\uff12.test", "vic@flood2.test"),
        ("vic@flood2\u3002test", "vic@flood2.test"),
        ("vic@flood2\uff0etest", "vic@flood2.test"),
        ('"vic"@flood2.test', "vic@flood2.test"),
        ('"v\\ic"@flood2.test', "vic@flood2.test"),
        ('"Vic.o\'hara+x"@flood2.test', "vic.o'hara+x@flood2.test"),
        ("vic@BÜCHER.test", "vic@xn--bcher-kva.test"),
        ("vic@bu\u0308cher.test", "vic@xn--bcher-kva.test"),
        ("vic@XN--bcher-kva.test", "vic@xn--bcher-kva.test"),
        ("zoe\u0308@flood2.test", "zoë@flood2.test"),
        ("ops@localhost", "ops@localhost"),
    ],
)
def test_one_mailbox_has_one_spelling(typed: str, kept: str) -> None:
    assert emails.checked(typed) == emails.known(typed) == kept
    assert emails.checked(kept) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "vic",
        "@flood2.test",
        "vic@",
        "a@b@flood2.test",
        "vic@flood2.test.",
        "vic@flood2.test\u3002",
        "vic@[192.0.2.1]",
        "vic@[IPv6:2001:db8::1]",
        "vic@flood 2.test",
        "vic@-flood2.test",
        '"vic c"@flood2.test',
        '"a@b"@flood2.test',
        '"a..b"@flood2.test',
        '""@flood2.test',
        'v"i"c@flood2.test',
        ".vic@flood2.test",
        "vi\u200bc@flood2.test",
        "vic@flo\u00adod2.test",
        "vic\r\n@flood2.test",
        "vic\x00@flood2.test",
        "vic\ud800@flood2.test",
        "Vic <vic@flood2.test>",
        f"{'v' * 65}@flood2.test",
        f"vic@{'.'.join(['f' * 63] * 4)}",
    ],
)
def test_what_has_no_one_spelling_is_refused_and_still_looked_up_as_it_is(typed: str) -> None:
    with pytest.raises(LiveryError) as refused:
        emails.checked(typed, "address")
    assert (refused.value.kind, refused.value.field) == (Kind.INVALID, ("address",))
    assert emails.known(typed) == typed.strip().lower()


def test_a_mailbox_is_counted_once() -> None:
    spelt = ["vic@flood2.test", "Vic+a@flood2.test", '"vic+b"@flood2.test', "\uff56\uff49\uff43@flood2\u3002test"]
    assert {poured("invite", one) for one in spelt} == {poured("invite", "vic@flood2.test")}
    assert poured("invite", "vice@flood2.test") not in {poured("invite", one) for one in spelt}
