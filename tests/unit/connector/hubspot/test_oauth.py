"""The scopes of a token."""

from crm_connector.providers.hubspot.oauth import SCOPES, missing_scopes


def test_missing_scopes() -> None:
    """All four are needed; who may read contacts may read their properties, and one way needs no writing."""
    assert missing_scopes(SCOPES, writes=True) == ()
    assert missing_scopes((), writes=True) == ()
    assert missing_scopes(("oauth",), writes=True) == SCOPES
    assert missing_scopes(("crm.objects.contacts.read",), writes=False) == ("crm.schemas.contacts.write",)
