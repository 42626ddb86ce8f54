"""The quarantine: what nobody could verify is kept for a while, up to a cap, and shown to the gateway only."""

import os
import uuid
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from lead_store.domain.quarantine import QuarantinedRequest
from lead_store.mongo.quarantine import QuarantinedRequests
from lead_store.usecases.quarantine import Cap, Quarantine
from lead_store_calls import LeadStore, at, stamp
from leadsync.inbox.v1 import inbox_service_pb2 as pb


def request(number: int = 0, *, body: bytes = b"[{}]", key: str = "", **more: str) -> pb.QuarantinedRequest:
    """A request that arrived `number` seconds after the first."""
    fields = {"provider": "hubspot", "target": "/api?x=1", "reason": "signature_invalid", **more}
    return pb.QuarantinedRequest(
        request_key=key or uuid.uuid4().hex,
        body=body,
        headers={"x-signature": "abc"},
        received_at=stamp(at(number)),
        **fields,
    )


def keep(store: LeadStore, *requests: pb.QuarantinedRequest) -> int:
    """Quarantine requests; how many were kept."""
    return store.inbox.QuarantineRequests(pb.QuarantineRequestsRequest(requests=requests), timeout=60).kept


def page(store: LeadStore, size: int = 0, token: str = "", provider: str = "") -> pb.ListQuarantinedResponse:
    """List a page."""
    asked = pb.ListQuarantinedRequest(page_size=size, page_token=token, provider=provider)
    return store.inbox.ListQuarantined(asked, timeout=60)


def everything(store: LeadStore, size: int) -> list[pb.QuarantinedRequest]:
    """All requests, page by page."""
    found: list[pb.QuarantinedRequest] = []
    token = ""
    while True:
        answer = page(store, size, token)
        found += answer.requests
        token = answer.next_page_token
        if not token:
            return found


def test_requests_come_back_whole_and_oldest_first(lead_store: LeadStore) -> None:
    """What was kept is listed as it was, by arrival, page by page; the same request twice is one."""
    requests = [request(number, body=bytes([number]) * 1000) for number in range(7)]
    assert keep(lead_store, *reversed(requests)) == 7
    assert keep(lead_store, requests[0], requests[3]) == 2
    for size in (0, 1, 3, 7):
        assert everything(lead_store, size) == requests
    assert len(page(lead_store, 3).requests) == 3
    assert list(page(lead_store, provider="zoho").requests) == []


def test_a_page_ends_after_two_mebibytes(lead_store: LeadStore) -> None:
    """However many requests are asked for, a page does not grow beyond what a message can hold."""
    requests = [request(number, body=b"x" * 1_500_000) for number in range(5)]
    for each in requests:
        assert keep(lead_store, each) == 1
    assert len(page(lead_store, 100).requests) == 2
    assert everything(lead_store, 100) == requests


def test_forgetting(lead_store: LeadStore) -> None:
    """Requests that were verified are forgotten, also twice and while somebody lists; the others stay."""
    requests = [request(number) for number in range(6)]
    keep(lead_store, *requests)
    first = page(lead_store, 2)
    for _ in range(2):
        keys = [item.request_key for item in first.requests]
        lead_store.inbox.ForgetQuarantined(pb.ForgetQuarantinedRequest(request_keys=keys), timeout=60)
    assert list(page(lead_store, 10, first.next_page_token).requests) == requests[2:]
    assert everything(lead_store, 10) == requests[2:]


def test_counts(lead_store: LeadStore) -> None:
    """They are counted by provider and reason, with the time of the oldest."""
    keep(lead_store, request(5), request(3), request(4, reason="app_mismatch"), request(9, provider="zoho"))
    counts = lead_store.inbox.CountQuarantined(pb.CountQuarantinedRequest(), timeout=60).counts
    assert [(c.provider, c.reason, c.requests, c.oldest_received_at) for c in counts] == [
        ("hubspot", "app_mismatch", 1, stamp(at(4))),
        ("hubspot", "signature_invalid", 2, stamp(at(3))),
        ("zoho", "signature_invalid", 1, stamp(at(9))),
    ]


def _small(store: LeadStore, **cap: float) -> Quarantine:
    """The quarantine of this database with another cap, measured every time unless it says otherwise."""
    requests = QuarantinedRequests.of(store.database, timedelta(days=3))
    return Quarantine(requests, lambda: datetime.now(UTC), Cap(**({"fresh_seconds": 0.0} | cap)))  # type: ignore[arg-type]


def _plain(number: int, body: bytes = b"[{}]") -> QuarantinedRequest:
    return QuarantinedRequest(str(number), "hubspot", "/", body, {}, "signature_invalid", at(number))


def test_the_newest_are_dropped_when_it_is_full(lead_store: LeadStore) -> None:
    """Number and bytes are capped; what does not fit any more is said not to be kept, and what is there stays."""
    few = _small(lead_store, requests=5)
    assert few.keep([_plain(number) for number in range(5)]) == 5
    assert few.keep([_plain(5)]) == 0
    assert [item.request_key for item in everything(lead_store, 10)] == list("01234")
    few.forget(["0"])
    assert few.keep([_plain(6, os.urandom(10_000))]) == 1
    assert _small(lead_store, bytes=15_000).keep([_plain(7, b"x" * 6000)]) == 0
    assert _small(lead_store, bytes=20_000).keep([_plain(7, b"x" * 6000)]) == 1


def test_between_measurements_all_that_came_in_counts(lead_store: LeadStore) -> None:
    """The cap holds also while the last measurement is still taken for true."""
    few = _small(lead_store, requests=5, fresh_seconds=1000)
    assert [few.keep([_plain(number)]) for number in range(7)] == [1] * 5 + [0] * 2


def test_they_expire(lead_store: LeadStore) -> None:
    """Each is removed three days after it was kept, by the database itself."""
    keep(lead_store, request())
    (document,) = lead_store.database.quarantine.find()
    left = document["expires_at"] - datetime.now(UTC)
    assert timedelta(days=2.9) < left < timedelta(days=3.1)
    indexes = lead_store.database.quarantine.index_information().values()
    assert any(index["key"] == [("expires_at", 1)] and index.get("expireAfterSeconds") == 0 for index in indexes)


@pytest.mark.parametrize(
    "call",
    [
        keep,
        lambda store: keep(store, *(request() for _ in range(101))),
        lambda store: keep(store, request(provider="")),
        lambda store: keep(store, request(target="x" * 5000)),
        lambda store: page(store, -1),
        lambda store: page(store, token="nonsense"),
        lambda store: store.inbox.ForgetQuarantined(pb.ForgetQuarantinedRequest(), timeout=60),
    ],
)
def test_calls_are_bounded(lead_store: LeadStore, call: object) -> None:
    """What is too much, or nothing, is INVALID_ARGUMENT."""
    assert callable(call)
    with pytest.raises(grpc.RpcError) as caught:
        call(lead_store)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
