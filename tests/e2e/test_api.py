"""The whole HTTP API on real processes, as three roles and as a stranger use it, rightly and wrongly."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import schemathesis
from e2e.harness import Suite, body_of, eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from sizes import FULL
from webhook_gateway.http.api import OPERATIONS as DECLARED
from webhook_gateway.http.openapi import describe
from webhook_gateway.http.roles import Role, role_of
from webhook_gateway.resources.operation import Operation
from webhook_gateway.rpc.names import camel

EXAMPLES = 100 if FULL else 8  # of each operation, shared among the callers
STRANGER = "stranger"  # an administrator of another tenant
CALLERS = (*(role.name.lower() for role in Role), STRANGER)
DOCUMENT = json.loads(describe(DECLARED))
for path in DOCUMENT["paths"].values():
    for described in path.values():
        described["security"] = []  # or requests would be made without a token too, and each role has one here
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CONFORM = [
    CHECKS.get_one(name)
    for name in ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
]
FOUND: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
# Deletions last, so that there is something to look at before.
OPERATIONS = [pytest.param(item, id=item.label) for item in sorted(FOUND, key=lambda item: item.method == "delete")]


@dataclass(frozen=True)
class Known:
    """Values of parameters that name what is there, a text that only its own tenant may read, and tokens."""

    values: dict[str, str]
    secret: str
    tokens: dict[str, str]


@cache
def _known(suite: Suite) -> Known:
    """Make a person on both sides, a plan, and a declared field."""
    secret = "only.mine@example.com"
    suite.hubspot.create_contact({"email": secret, "firstname": "Ada"})
    (lead,) = eventually(lambda: suite.leads(secret), within=20)
    plan = body_of(suite.api.post("/crm-integration/import", json={"dryRun": True}), 202)["runId"]
    body_of(suite.api.put("/lead-fields/revenue", json={"type": "number"}), 200)
    delivery = body_of(suite.api.get("/events"))["events"][0]["deliveryKey"]
    values = {
        "leadId": lead["id"],
        "integrationId": suite.integration_id,
        "runId": plan,
        "deliveryKey": delivery,
        "provider": "hubspot",
        "recordId": lead["links"][0]["recordId"],
        "field": "phone",
        "name": "revenue",
    }
    tokens = {role: suite.token(role) for role in CALLERS[:-1]}
    return Known(values, secret, tokens | {STRANGER: suite.token("admin", STRANGER)})


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_caller_breaks_anything_or_gets_what_is_not_theirs(operation: Any, suite: Suite) -> None:
    """Each answer is described, none is a failure, and below the role of an operation all are refusals that say so."""
    known = _known(suite)
    item = next(item for item in DECLARED if camel(item.name) == operation.definition.raw["operationId"])
    modes = list(GenerationMode) if item.shape.takes or item.body else [GenerationMode.POSITIVE]

    @settings(
        max_examples=EXAMPLES, derandomize=not FULL, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]),
        real=st.booleans(),
        caller=st.sampled_from(CALLERS),
    )
    def holds(case: Any, *, real: bool, caller: str) -> None:
        if real:
            _make_real(case, known.values)
        response = case.call(base_url=suite.url, headers={"authorization": f"Bearer {known.tokens[caller]}"})
        case.validate_response(response, checks=CONFORM)
        _check(item, caller, response, known.secret)

    holds()


def _check(item: Operation, caller: str, response: Any, secret: str) -> None:
    too_busy = response.status_code == 503 and response.json()["reason"] == "deadline_exceeded"  # on a loaded machine
    assert response.status_code < 500 or response.status_code == 501 or too_busy, response.text
    needed = role_of(item.name)
    if caller == STRANGER:
        assert secret not in response.text
    elif needed is not None and Role[caller.upper()] < needed:
        refused = (response.status_code, response.json()["reason"])
        assert refused in {(403, "role_too_low"), (404, "route_not_found")}  # ids such as `a/b` are other addresses


def _make_real(case: Any, known: dict[str, str]) -> None:
    """Let a request ask for what is there."""
    for values in (case.path_parameters, case.query, case.body):
        if isinstance(values, dict):
            values.update({name: known[name] for name in values.keys() & known.keys()})
