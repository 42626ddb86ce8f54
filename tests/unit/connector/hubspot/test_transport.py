"""Answers are bounded, and what is no answer of HubSpot's counts as none."""

import threading
from io import BytesIO
from typing import Any

import pytest
from crm_connector.crm import Access
from crm_connector.domain.errors import CrmUncertainError
from crm_connector.providers.hubspot.budget import AccountBudget
from crm_connector.providers.hubspot.client import HubSpotClient
from crm_connector.providers.hubspot.paths import Paths
from crm_connector.providers.hubspot.transport import Transport
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse


class Answers(BaseAdapter):
    """Answers each request with the same body."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__()
        self.body, self.status = body, status

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        """Answer."""
        answer = Response()
        answer.status_code, answer.url, answer.request = self.status, str(request.url), request
        answer.raw = HTTPResponse(BytesIO(self.body), preload_content=False)
        return answer

    def close(self) -> None:
        """Nothing is open."""


class Token:
    """A token."""

    def get(self) -> Access:
        """Give it."""
        return Access("token")

    def reject(self, token: str) -> None:
        """There is no other one."""


def client_of(body: bytes, max_answer: int = 1_000) -> HubSpotClient:
    """Make a client that gets this answer."""
    transport = Transport("https://api.hubapi.com", 10.0, adapter=Answers(body), max_answer=max_answer)
    return HubSpotClient(transport, Paths("v3"), AccountBudget(threading.Event()), Token())


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    """It says so, so that less can be asked for."""
    assert client_of(b'{"a":1}', max_answer=7).call("GET", "/x").body == b'{"a":1}'
    with pytest.raises(CrmUncertainError) as caught:
        client_of(b'{"a":12}', max_answer=7).call("GET", "/x")

    assert caught.value.reason == "crm_answer_too_large"


@pytest.mark.parametrize("body", [b"<html>", b'{"a":', b'{"a":"\\ud83d"}', b"\xff"])
def test_an_answer_that_is_no_json_is_a_failure_of_hubspot(body: bytes) -> None:
    """It is an error for every caller, and so many of them open the circuit breaker; repeated parts do not."""
    client = client_of(body)

    for _ in range(10):
        with pytest.raises(CrmUncertainError):
            client.call("GET", "/x", repeats=True)
    assert not client.budget.breaker_open
    for _ in range(5):
        with pytest.raises(CrmUncertainError) as caught:
            client.call("GET", "/x")

    assert caught.value.reason == "crm_answer_unreadable"
    assert client.budget.breaker_open
