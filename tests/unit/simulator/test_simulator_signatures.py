"""The pure signing functions."""

import pytest
from hubspot.utils.signature import Signature
from hubspot_simulator.core.signatures import decoded, signature_v1, signature_v3


def test_v1_is_the_published_value() -> None:
    """The v1 signature of HubSpot's own published example comes out."""
    secret, body = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", b"{'example_field':'example_value'}"
    assert signature_v1(secret, body) == "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://a.test/in", "https://a.test/in"),
        ("https://a.test/in?x=%3A%2F&y=%20%25", "https://a.test/in?x=:/&y=%20%25"),
        ("https://a.test/in?x=%253A", "https://a.test/in?x=%253A"),
        ("https://a.test/in?%21%24%27%28%29%2A%2C%3B%3F%40=%3D", "https://a.test/in?!$'()*,;?@=%3D"),
    ],
)
def test_v3_decodes_twelve_escapes_once(url: str, signed: str) -> None:
    """A v3 signature is made over the URL with the twelve listed escapes decoded, and no others."""
    assert decoded(url) == signed
    expected = Signature.get_signature("s", "[]", "v3", signed, "POST", "1")
    assert signature_v3("s", "POST", url, b"[]", 1) == expected
