"""The configuration."""

import pytest
from crm_connector.domain.timing import Timing
from crm_connector.environment import SettingsError
from crm_connector.providers.hubspot.settings import HubSpotSettings
from crm_connector.settings import Settings

REQUIRED = {"MONGO_URL": "mongodb://user:hidden-1@localhost", "LEADSYNC_SECRET_KEY": "hidden-2" * 4}


def test_two_settings_are_required_and_the_rest_has_defaults() -> None:
    """MONGO_URL and LEADSYNC_SECRET_KEY suffice."""
    settings = Settings.from_env(REQUIRED | {"LEAD_STORE_PORT": "1234", "HUBSPOT_BASE_URL": ""})

    assert settings.lead_store_url == "127.0.0.1:1234"
    assert (settings.host, settings.port) == ("127.0.0.1", 50052)
    assert settings.providers == {"hubspot": HubSpotSettings("https://api.hubapi.com", "v3", timeout_seconds=10.0)}
    assert settings.timing == Timing()
    assert (settings.platform, settings.sweep_seconds, settings.metrics_port) == ("jazzaam", 300.0, 0)


def test_all_faults_are_reported_together() -> None:
    """A person repairs everything in one go, also what a provider found."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "LEADSYNC_SECRET_KEY": "short",
                "CRM_CONNECTOR_PORT": "x",
                "API_URL": "ftp://x",
                "HUBSPOT_API_VERSION": "v9",
                "HUBSPOT_TIMEOUT_SECONDS": "nan",
                "LEADSYNC_LOG_LEVEL": "loud",
                "LEADSYNC_PLATFORM": "a b",
                "LEADSYNC_TIME_SCALE": "0",
            }
        )

    named = {fault.split()[0] for fault in caught.value.faults}
    assert {
        "MONGO_URL",
        "LEADSYNC_SECRET_KEY",
        "CRM_CONNECTOR_PORT",
        "API_URL",
        "HUBSPOT_API_VERSION",
        "HUBSPOT_TIMEOUT_SECONDS",
        "LEADSYNC_LOG_LEVEL",
        "LEADSYNC_PLATFORM",
        "LEADSYNC_TIME_SCALE",
    } == named


def test_secrets_are_not_printed() -> None:
    """The repr shows no secret."""
    more = {"HUBSPOT_CLIENT_SECRET": "hidden-3", "HUBSPOT_DEVELOPER_API_KEY": "hidden-4"}

    assert "hidden" not in repr(Settings.from_env(REQUIRED | more))


@pytest.mark.parametrize("given", ["s1", "s1,s2", "39522895:s1,40:s2", " s1 , s2"])
def test_the_first_client_secret_is_the_one_in_force(given: str) -> None:
    """While rotating, the new secret comes first, perhaps with its app id."""
    providers = Settings.from_env(REQUIRED | {"HUBSPOT_CLIENT_SECRET": given}).providers
    assert providers["hubspot"].client_secret == "s1"


def test_keys_may_rotate() -> None:
    """Several keys are separated by commas."""
    keys = ("a" * 32, "b" * 32)

    assert keys == Settings.from_env(REQUIRED | {"LEADSYNC_SECRET_KEY": ", ".join(keys)}).secret_keys


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("lead-store:1", "lead-store:1"),
        ("10.0.0.1:1,10.0.0.2:1", "ipv4:10.0.0.1:1,10.0.0.2:1"),
        ("[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2"),
    ],
)
def test_several_lead_stores(given: str, target: str) -> None:
    """Several processes are named by their IP addresses, or by one name that stands for all of them."""
    assert Settings.from_env(REQUIRED | {"LEAD_STORE_URL": given}).lead_store_url == target
    with pytest.raises(SettingsError, match="several IP addresses"):
        Settings.from_env(REQUIRED | {"LEAD_STORE_URL": f"{given},other"})


def test_tests_may_divide_every_wait() -> None:
    """LEADSYNC_TIME_SCALE divides waits, backoffs included, and not what is about other people's clocks."""
    timing = Settings.from_env(REQUIRED | {"LEADSYNC_TIME_SCALE": "10"}).timing

    assert (timing.run_idle, timing.held_call, timing.clocks_apart) == (0.05, 2.0, 300.0)
    assert (timing.retries.person, timing.retries.run.wait(1), timing.retries.run.wait(9)) == (6.0, 0.1, 3.0)


@pytest.mark.parametrize(
    ("url", "trusted", "taken"),
    [
        ("https://api.hubapi.com", "", True),
        ("http://127.0.0.1:8090", "", True),
        ("http://[::1]:8090", "", True),
        ("http://localhost:8090", "", True),
        ("http://hubspot-simulator:8090", "other, Hubspot-Simulator", True),
        ("http://hubspot-simulator:8090", "", False),
        ("http://api.hubapi.com", "hubspot-simulator", False),
        ("http://hubspot-simulator.evil.example", "hubspot-simulator", False),
        ("http://127.0.0.1.evil.example", "", False),
        ("http://10.0.0.1:8090", "", False),
    ],
)
def test_credentials_go_over_http_only_to_this_machine_and_trusted_hosts(url: str, trusted: str, taken: bool) -> None:
    """Any other address of a CRM has to begin with https, or nothing starts."""
    variables = REQUIRED | {"HUBSPOT_BASE_URL": url, "LEADSYNC_TRUSTED_HTTP_HOSTS": trusted}
    if taken:
        assert Settings.from_env(variables).providers["hubspot"].base_url == url
        return
    with pytest.raises(SettingsError, match="HUBSPOT_BASE_URL must begin with https://: over http, access tokens"):
        Settings.from_env(variables)


def test_trusted_hosts_are_names_alone() -> None:
    """With a scheme, a port or a wildcard nothing would match; that is said."""
    for given in ("http://simulator", "simulator:8090", "*"):
        with pytest.raises(SettingsError, match="LEADSYNC_TRUSTED_HTTP_HOSTS must be names of hosts"):
            Settings.from_env(REQUIRED | {"LEADSYNC_TRUSTED_HTTP_HOSTS": given})
