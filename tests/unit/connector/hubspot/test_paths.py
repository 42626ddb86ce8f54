"""HubSpot's paths by API version."""

import pytest
from crm_connector.providers.hubspot.paths import Paths, is_version


@pytest.mark.parametrize(
    ("version", "contacts", "properties", "webhooks", "token"),
    [
        (
            "v3",
            "/crm/v3/objects/contacts/batch/read",
            "/crm/v3/properties/contacts/x",
            "/webhooks/v3/7/settings",
            "/oauth/v1/token",
        ),
        (
            "2026-03",
            "/crm/objects/2026-03/contacts/batch/read",
            "/crm/properties/2026-03/contacts/x",
            "/webhooks/2026-03/7/settings",
            "/oauth/2026-03/token",
        ),
        (
            "2026-09",
            "/crm/objects/2026-09/contacts/batch/read",
            "/crm/properties/2026-09/contacts/x",
            "/app-webhooks/2026-09/7/settings",
            "/oauth/2026-09/token",
        ),
    ],
)
def test_each_version_has_its_paths(version: str, contacts: str, properties: str, webhooks: str, token: str) -> None:
    """The version stands in different places, and the prefix of webhooks differs."""
    paths = Paths(version)

    assert contacts == paths.contacts("batch/read")
    assert properties == paths.properties("x")
    assert webhooks == paths.webhooks("7", "settings")
    assert token == paths.token()


def test_ids_are_escaped() -> None:
    """An id can never reach another endpoint."""
    assert Paths("v3").contact("../search?") == "/crm/v3/objects/contacts/..%2Fsearch%3F"


def test_unknown_versions_are_refused() -> None:
    """Only v3 and dated versions exist."""
    assert [is_version(v) for v in ("v3", "2026-03", "v4", "26-03")] == [True, True, False, False]
