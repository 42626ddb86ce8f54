"""What the doctor tells from an address and from scopes."""

import pytest
from crm_connector.hubspot.oauth import SCOPES, missing_scopes
from crm_connector.usecases.doctor import address_fault


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://leads.example.com", ""),
        ("https://8.8.8.8/x", ""),
        ("http://leads.example.com", "not https"),
        ("https://localhost:8080", "this machine"),
        ("http://127.0.0.1:8080", "this machine"),
        ("https://10.1.2.3", "private network"),
        ("https://[fd00::1]", "private network"),
        ("https://gateway", "private network"),
        ("https://gateway.internal", "private network"),
    ],
)
def test_an_address_is_public_and_https(url: str, fault: str) -> None:
    """HubSpot calls from the Internet, and over https only."""
    assert fault in address_fault(url)
    assert bool(fault) is bool(address_fault(url))


def test_missing_scopes() -> None:
    """All four are needed; who may read contacts may read their properties, and one way needs no writing."""
    assert missing_scopes(SCOPES, writes=True) == ()
    assert missing_scopes((), writes=True) == ()
    assert missing_scopes(("oauth",), writes=True) == SCOPES
    assert missing_scopes(("crm.objects.contacts.read",), writes=False) == ("crm.schemas.contacts.write",)
