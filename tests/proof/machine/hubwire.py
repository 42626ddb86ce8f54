"""The way from a connector process to the CRM: carries requests of `requests` into the simulator, faults included."""

import io
import json
from typing import Any

import requests
from proof.machine.config import TENANTS, Tenant
from proof.machine.faults import Fault, Faults, Kind, Process, Site
from proof.machine.hub import WORKFLOW, WORKFLOW_SETS, Hub, formatted
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

BASE_URL = "http://hub"
TIMEOUT = 10.0  # seconds that a call may take
LATE = 10.0  # and how much later it may still land (docs/guarantees.md)
Answer = tuple[int, dict[str, str], bytes]


class HubWire(BaseAdapter):
    """Stands where the connector's own HTTP adapter would be."""

    def __init__(self, hub: Hub, process: Process, faults: Faults) -> None:
        super().__init__()
        self._hub, self._process, self._faults = hub, process, faults

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Carry one request, or let it fail as a network does."""
        self._process.check()
        fault = self._faults.due(Site.CRM)
        if fault is not None and (refusal := _refusal(fault)) is not None:
            return _response(request, refusal)
        if fault is not None and fault.kind is Kind.NO_CONNECTION:
            raise requests.ConnectTimeout(request=request)
        if fault is not None and fault.kind in {Kind.LOST_BEFORE, Kind.LATE}:
            if fault.kind is Kind.LATE:
                self._hub.clock.later(TIMEOUT + LATE, lambda: self._land(request) and None)
            self._hub.clock.advance(TIMEOUT)
            raise requests.ReadTimeout(request=request)
        with self._hub.clock.within(TIMEOUT if fault and fault.kind is Kind.MEANWHILE_BEFORE else 1e9):
            answer = self._faults.around(fault, self._process, lambda: self._land(request))
        if fault is not None and fault.kind is Kind.LOST_AFTER:
            self._hub.clock.advance(TIMEOUT)
            raise requests.ReadTimeout(request=request)
        if fault is not None and fault.kind is Kind.BROKEN_AFTER:
            answer = (502, {}, b"bad gateway")
        return _response(request, answer)

    def close(self) -> None:
        """Nothing is open."""

    def _land(self, request: requests.PreparedRequest) -> Answer:
        """Have the simulator carry a request out, and then the CRM's own habits."""
        hub, body = self._hub, request.body or b""
        body = body.encode() if isinstance(body, str) else body
        assert request.url is not None
        assert request.method is not None
        target = request.url.removeprefix(BASE_URL)
        writes = target.endswith(("batch/update", "batch/upsert"))
        if writes and hub.config.normalises == "answer":
            body = _normalised(body)
        answer = hub.request(request.method, target, dict(request.headers), body)
        if writes and answer[0] in {200, 207}:
            tenant = next(one for one in TENANTS if one.token in str(request.headers["Authorization"]))
            _after(hub, tenant, json.loads(body), json.loads(answer[2]))
        return answer


def _refusal(fault: Fault) -> Answer | None:
    """An answer that says that nothing was done."""
    told = json.dumps({"status": "error", "message": "ten_secondly_rolling limit", "policyName": "TEN_SECONDLY"})
    return {
        Kind.LIMITED: (429, {}, told.encode()),
        Kind.LIMITED_TOLD: (429, {"Retry-After": "7"}, told.encode()),
        Kind.BROKEN_BEFORE: (500, {}, b"{}"),
    }.get(fault.kind)


def _normalised(body: bytes) -> bytes:
    sent = json.loads(body)
    for one in sent["inputs"]:
        if phone := one["properties"].get("phone"):
            one["properties"]["phone"] = formatted(phone)
    return json.dumps(sent).encode()


def _after(hub: Hub, tenant: Tenant, sent: dict[str, Any], answer: dict[str, Any]) -> None:
    """What a write of ours sets going in the CRM, and what the audit has to know of it."""
    named = {name for one in sent["inputs"] for name in one["properties"]}
    for result in answer["results"]:
        contact = hub.contacts(tenant).get(result["id"])
        if contact is None:
            continue
        if result.get("new"):
            hub.made[contact.values["leadsync_lead_id"]].append(result["id"])
        if hub.config.normalises == "later" and "phone" in named:
            hub.clock.later(2.0, lambda contact=contact: hub.format_phone(tenant, contact))  # type: ignore[misc]
        if hub.config.workflow and "firstname" in named:
            hub.clock.later(
                1.0,
                lambda contact=contact: hub.edit(tenant, contact, "firstname", WORKFLOW_SETS, WORKFLOW),  # type: ignore[misc]
            )


def _response(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    response = requests.Response()
    response.status_code, response.headers, response.raw = (
        answer[0],
        CaseInsensitiveDict(answer[1]),
        io.BytesIO(answer[2]),
    )
    response.request, response.url = request, request.url or ""
    return response
