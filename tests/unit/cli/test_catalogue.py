"""The variables that each program of the suite gets."""

from pathlib import Path

import pytest
from leadsync_cli.errors import ConfigurationError
from leadsync_cli.settings import Settings
from leadsync_cli.suite import tls
from leadsync_cli.suite.catalogue import SECRETS, components, suite_environment, wanted_ports

KEYS = {"LEADSYNC_SECRET_KEY": "seals", "LEADSYNC_TOKEN_KEY": "signs", "LEADSYNC_IDENTITY_KEY": "hashes"}


def given(**environment: str) -> dict[str, dict[str, str]]:
    """Return the environment of each component under these variables of the user."""
    settings = Settings.from_env({"LEADSYNC_DATA_DIR": "/data", **environment})
    everything = suite_environment(settings, KEYS)
    return {component.name: dict(component.environment) for component in components(settings, everything)}


@pytest.mark.parametrize(
    ("key", "owner"),
    [
        ("LEADSYNC_SECRET_KEY", "crm-connector"),
        ("LEADSYNC_TOKEN_KEY", "webhook-gateway"),
        ("LEADSYNC_IDENTITY_KEY", "lead-store"),
    ],
)
def test_a_key_reaches_only_its_owner(key: str, owner: str) -> None:
    """No program gets the key of another one, under any name."""
    found = given()

    assert [name for name, environment in found.items() if KEYS[key] in environment.values()] == [owner]


def test_no_program_gets_variables_that_it_does_not_need() -> None:
    """No program gets variables that none needs, nor the access token."""
    found = given(AWS_SECRET_ACCESS_KEY="private", HUBSPOT_ACCESS_TOKEN="pat-real", LEADSYNC_TOKEN="jwt")

    assert not {"private", "pat-real", "jwt"} & {value for one in found.values() for value in one.values()}


def test_the_gateway_never_sees_the_database() -> None:
    """Only lead-store and crm-connector know the address of the database."""
    found = given(MONGO_URL="mongodb://user:password@db/")

    assert [name for name, environment in found.items() if "MONGO_URL" in environment] == [
        "lead-store",
        "crm-connector",
    ]


def test_without_a_token_the_simulator_replaces_hubspot() -> None:
    """All programs that call HubSpot call the simulator, with its credentials, whatever else is set."""
    connector = given(HUBSPOT_CLIENT_SECRET="real", SIMULATOR_PORT="9001")["crm-connector"]

    assert connector["HUBSPOT_BASE_URL"] == "http://127.0.0.1:9001"
    assert connector["HUBSPOT_CLIENT_SECRET"] == "simulator-secret"


def test_the_simulator_keeps_its_state_beside_the_database() -> None:
    """Only the simulator gets a state file, which is in the data directory."""
    found = given()

    assert found["simulator"]["SIMULATOR_STATE"] == "/data/simulator.json"
    assert [name for name, environment in found.items() if "SIMULATOR_STATE" in environment] == ["simulator"]


def test_with_a_token_there_is_no_simulator() -> None:
    """With HUBSPOT_ACCESS_TOKEN no simulator runs and the user's HubSpot settings are used."""
    found = given(HUBSPOT_ACCESS_TOKEN="pat-real", HUBSPOT_CLIENT_SECRET="real")

    assert list(found) == ["database", "lead-store", "crm-connector", "webhook-gateway"]
    assert found["webhook-gateway"]["HUBSPOT_CLIENT_SECRET"] == "real"
    assert "HUBSPOT_BASE_URL" not in found["crm-connector"]


def test_with_mongo_url_no_database_is_started() -> None:
    """MONGO_URL replaces the embedded database, whose port is then not used."""
    settings = Settings.from_env({"MONGO_URL": "mongodb://elsewhere/", "LEADSYNC_SIMULATOR": "off"})

    names = {one.name for one in components(settings, suite_environment(settings, KEYS))}
    assert names == {"lead-store", "crm-connector", "webhook-gateway"}
    assert set(wanted_ports(settings)) == {"GATEWAY_PORT", "LEAD_STORE_PORT", "CRM_CONNECTOR_PORT"}


def test_all_faults_of_the_configuration_are_reported_together() -> None:
    """One error names every wrong variable."""
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_env({"GATEWAY_PORT": "http", "MONGO_PORT": "70000", "LEADSYNC_SIMULATOR": "maybe"})

    assert all(name in raised.value.detail for name in ("GATEWAY_PORT", "MONGO_PORT", "LEADSYNC_SIMULATOR"))


def test_secrets_are_not_in_any_repr() -> None:
    """Neither the settings nor a component shows a secret when printed."""
    settings = Settings.from_env({"LEADSYNC_TOKEN": "shh-1", "MONGO_URL": "mongodb://u:shh-2@db/"})
    shown = repr(settings) + repr(components(settings, suite_environment(settings, KEYS)))

    assert not any(secret in shown for secret in ("shh-1", "shh-2", *KEYS.values()))
    assert Path("/") in settings.data_dir.parents


def test_with_tls_each_program_gets_its_own_certificate() -> None:
    """LEADSYNC_TLS=on gives each service its own files, and the database is reached by TLS; otherwise there is none."""
    found = given(LEADSYNC_TLS="on", LEADSYNC_DATA_DIR="/some data")

    shown = {name: environment.get("LEADSYNC_TLS_KEY") for name, environment in found.items()}
    services = ("lead-store", "crm-connector", "webhook-gateway")
    assert shown == {"database": None, "simulator": None} | {
        name: f"/some data/tls/{name}/tls.key" for name in services
    }
    assert found["lead-store"]["MONGO_URL"].endswith("&tls=true&tlsCAFile=/some%20data/tls/mongo/ca.crt")
    assert not any("tls" in value.lower() for one in given().values() for value in (*one, *one.values()))


def test_the_suite_does_not_take_the_certificate_of_one_service(tmp_path: Path) -> None:
    """The variables of a single service are refused: the three services cannot share its certificate."""
    settings = Settings.from_env({"LEADSYNC_DATA_DIR": str(tmp_path), "LEADSYNC_TLS_CERT": "/x", "LEADSYNC_TLS": "on"})

    with pytest.raises(ConfigurationError, match=r"LEADSYNC_TLS_CERT: .* for a single service. LEADSYNC_TLS=on makes"):
        tls.prepare(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_file_reaches_the_same_programs_as_one_in_a_variable(name: str, tmp_path: Path) -> None:
    """They get the path alone, and the suite that makes keys of its own gives none beside it."""
    path = tmp_path / "secret"
    path.write_text("hidden\n")
    base = {"MONGO_URL": "mongodb://user@db/", "LEADSYNC_SIMULATOR": "off"}
    base = {key: value for key, value in base.items() if key != name}
    by_value, by_file = given(**base, **{name: "hidden"}), given(**base, **{f"{name}_FILE": str(path)})

    assert set(by_file) == set(by_value)
    for program, environment in by_file.items():
        owns = by_value[program].get(name) is not None
        assert environment.get(f"{name}_FILE") == (str(path) if owns else None)
        assert name not in environment
        assert "hidden" not in environment.values()


def test_the_simulators_credentials_count_whatever_files_are_given(tmp_path: Path) -> None:
    """A service refuses a secret that is given twice."""
    path = tmp_path / "secret"
    path.write_text("real\n")
    for environment in given(HUBSPOT_CLIENT_SECRET_FILE=str(path), MONGO_PASSWORD_FILE=str(path)).values():
        assert not [name for name in environment if name.endswith("_FILE")]


def test_a_secret_that_is_given_twice_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """In plain words, without the value and the path."""
    twice = Settings.from_env({"LEADSYNC_TOKEN_KEY": "hidden", "LEADSYNC_TOKEN_KEY_FILE": str(tmp_path / "hidden")})
    gone = Settings.from_env({"MONGO_URL_FILE": str(tmp_path / "hidden")})
    for settings, name, why in ((twice, "LEADSYNC_TOKEN_KEY", "given twice"), (gone, "MONGO_URL", "No such file")):
        with pytest.raises(ConfigurationError, match=f"{name} .*{why}") as refused:
            settings.secret(name)
        assert "hidden" not in refused.value.detail
    assert not gone.embedded_database
