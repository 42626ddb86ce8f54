import pytest
from webhook_gateway.providers.hubspot import HubSpot
from webhook_gateway.providers.hubspot.signatures import Secret
from webhook_gateway.settings import Settings, SettingsError

KEY = "k" * 32


def test_defaults() -> None:
    """With nothing but a token key everything is on this machine, and webhooks are closed."""
    settings = Settings.from_env({"LEADSYNC_TOKEN_KEY": KEY})
    assert (settings.host, settings.port, settings.api_url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert (settings.lead_store_url, settings.crm_connector_url) == ("127.0.0.1:50051", "127.0.0.1:50052")
    assert (settings.processes, settings.account_percent) == (1, 50)
    assert settings.providers == {"hubspot": HubSpot(secrets=(), allow_v1=False, allow_unsigned=False)}
    assert not settings.providers["hubspot"].ready


def test_ports_and_aliases() -> None:
    """Ports of the neighbours suffice on one machine; the older name of the secret still counts."""
    settings = Settings.from_env(
        {
            "LEADSYNC_TOKEN_KEY": f"{KEY}, {KEY}2",
            "GATEWAY_PORT": "9000",
            "LEAD_STORE_PORT": "1",
            "CRM_CONNECTOR_URL": "crm-connector:2",
            "HUBSPOT_WEBHOOK_SECRET": "7:alias",
            "API_URL": "https://x.example/base/",
        }
    )
    assert (settings.lead_store_url, settings.crm_connector_url) == ("127.0.0.1:1", "crm-connector:2")
    assert settings.api_url == "https://x.example/base"
    assert settings.providers == {"hubspot": HubSpot(secrets=(Secret(b"alias", "7"),))}
    assert settings.token_keys == (KEY, f"{KEY}2")
    assert Settings.from_env({"LEADSYNC_TOKEN_KEY": KEY, "GATEWAY_PORT": "0"}).port == 0  # any free one


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("lead-store:1", "lead-store:1"),
        ("10.0.0.1:1, 10.0.0.2:1", "ipv4:10.0.0.1:1,10.0.0.2:1"),
        ("[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2"),
        ("a:1,b:1", ""),
        ("10.0.0.1:1,[::2]:2", ""),
        ("10.0.0.1:1,", ""),
    ],
)
def test_several_lead_stores(given: str, target: str) -> None:
    """Several processes are named by their IP addresses, or by one name that stands for all of them."""
    env = {"LEADSYNC_TOKEN_KEY": KEY, "LEAD_STORE_URL": given}
    if target:
        assert Settings.from_env(env).lead_store_url == target
        return
    with pytest.raises(SettingsError, match="several IP addresses"):
        Settings.from_env(env)


def test_every_fault_is_reported() -> None:
    """All faults of a configuration, those of providers included, are reported together, in plain words."""
    env = {
        "GATEWAY_PORT": "70000",
        "API_URL": "leads.example.com",
        "LEADSYNC_ALLOW_UNSIGNED": "perhaps",
        "LEAD_STORE_URL": "nowhere",
        "GATEWAY_PROCESSES": "0",
        "GATEWAY_ACCOUNT_PERCENT": "101",
        "LEADSYNC_LOG_LEVEL": "loud",
        "HUBSPOT_ALLOW_V1_SIGNATURES": "perhaps",
        "HUBSPOT_CLIENT_SECRET": "app:secret",
    }
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)
    faults = str(caught.value).splitlines()
    assert {fault.partition(":")[0] for fault in faults} == {*env, "LEADSYNC_TOKEN_KEY"}


def test_secrets_are_not_shown() -> None:
    """Neither repr nor faults show a secret."""
    settings = Settings.from_env({"LEADSYNC_TOKEN_KEY": KEY, "HUBSPOT_CLIENT_SECRET": "hush-hush"})
    for text in (repr(settings), repr(settings.providers)):
        assert KEY not in text
        assert "hush" not in text
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"LEADSYNC_TOKEN_KEY": "hush-short", "HUBSPOT_CLIENT_SECRET": "app:hush-hush"})
    assert "hush" not in str(caught.value)


def test_an_openid_provider_is_read_whole() -> None:
    """Its secret is never shown; a provider elsewhere needs https."""
    given = {"LEADSYNC_TOKEN_KEY": KEY, "OIDC_ISSUER": "https://id.example.com/", "OIDC_CLIENT_ID": "leadsync"}
    settings = Settings.from_env(given | {"OIDC_CLIENT_SECRET": "hush", "OIDC_CLAIM": "https://acme.example/role"})
    assert settings.oidc is not None
    assert (settings.oidc.issuer, settings.oidc.claim) == ("https://id.example.com", "https://acme.example/role")
    assert "hush" not in repr(settings)
    assert Settings.from_env({"LEADSYNC_TOKEN_KEY": KEY}).oidc is None
    faults = {
        "OIDC_CLIENT_SECRET is required": {},
        "OIDC_ISSUER: must be an https": {"OIDC_CLIENT_SECRET": "x", "OIDC_ISSUER": "http://id.example.com"},
        "OIDC_CLAIM: must be the name": {"OIDC_CLIENT_SECRET": "x", "OIDC_CLAIM": "a b"},
    }
    for fault, changes in faults.items():
        with pytest.raises(SettingsError, match=fault):
            Settings.from_env(given | changes)


def test_webhooks_may_have_a_port_of_their_own() -> None:
    """Another one than that of everything; by default at the same address."""
    env = {"LEADSYNC_TOKEN_KEY": KEY, "GATEWAY_HOST": "10.0.0.1", "GATEWAY_WEBHOOK_PORT": "8443"}
    settings = Settings.from_env(env)
    assert (settings.webhook_host, settings.webhook_port) == ("10.0.0.1", 8443)
    assert Settings.from_env({"LEADSYNC_TOKEN_KEY": KEY}).webhook_port == 0
    for wrong in ("8080", "0", "70000", "x", "-1"):
        with pytest.raises(SettingsError, match="GATEWAY_WEBHOOK_PORT"):
            Settings.from_env(env | {"GATEWAY_WEBHOOK_PORT": wrong})
