"""What the doctor says about an address."""

import pytest
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
    """A CRM calls from the Internet, and over https only."""
    assert fault in address_fault(url)
    assert bool(fault) is bool(address_fault(url))
