"""How services are called."""

import pytest
from webhook_gateway.rpc.calls import is_away


@pytest.mark.parametrize(
    ("target", "away"),
    [
        ("127.0.0.1:50051", False),
        ("localhost:50051", False),
        ("[::1]:50051", False),
        ("unix:/run/store.sock", False),
        ("ipv4:127.0.0.1:50051,127.0.0.2:50051", False),
        ("lead-store:50051", True),
        ("10.0.0.7:50051", True),
        ("ipv4:127.0.0.1:50051,10.0.0.7:50051", True),
        ("ipv6:[::1]:50051,[2001:db8::7]:50051", True),
    ],
)
def test_which_services_are_away(target: str, away: bool) -> None:
    """A service is away if any of its addresses may be on another machine: then it is warned of plaintext."""
    assert is_away(target) == away
