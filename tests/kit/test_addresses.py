"""What counts as one peer, for all who limit peers?"""

import pytest

from kit.addresses import neighbourhood, plain


@pytest.mark.parametrize(
    ("host", "address", "neighbours"),
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::ffff:0:0:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
    ],
)
def test_a_peer_is_an_ipv4_address_or_a_network_of_ipv6(host: str, address: str, neighbours: str) -> None:
    assert plain(host) == address
    assert neighbourhood(address) == neighbours
    assert neighbourhood(host) == neighbours


def test_what_is_no_address_is_a_peer_of_its_own() -> None:
    assert [neighbourhood(said) for said in ("", "unknown", "192.0.2.1:4711", "_x:y")] == [
        "",
        "unknown",
        "192.0.2.1:4711",
        "_x:y",
    ]
