import pytest
from webhook_gateway.senders import sender_of


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:0DB8:0:0:ffff::1", "2001:db8::/64"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("a:b", "a:b"),
    ],
)
def test_a_sender_is_an_address_or_the_ipv6_network_of_a_host(address: str, sender: str) -> None:
    """However the address is written, and also if a proxy names none."""
    assert sender_of((address, 1)) == sender
    assert sender_of(None) == ""
