"""Codes of one-time links to the console count once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from lead_store_calls import LeadStore, stamp
from leadsync.console.v1 import sign_in_service_pb2 as pb


def spend(lead_store: LeadStore, code_id: str, tenant_id: str = "tenant-1") -> bool:
    """Spend a code that is valid for a minute; whether it was used before."""
    expires_at = stamp(datetime.now(UTC) + timedelta(minutes=1))
    request = pb.SpendCodeRequest(tenant_id=tenant_id, code_id=code_id, expires_at=expires_at)
    return bool(lead_store.sign_in_stub.SpendCode(request, timeout=30).used_before)


def test_a_code_counts_once(lead_store: LeadStore) -> None:
    """However often it is sent, and by however many at once; the same id of another tenant is another code."""
    assert [spend(lead_store, "one") for _ in range(2)] == [False, True]
    assert not spend(lead_store, "one", "tenant-2")
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: spend(lead_store, "raced"), range(16)))
    assert used.count(False) == 1


def test_used_codes_are_forgotten_after_their_end(lead_store: LeadStore) -> None:
    """Not before: the clocks of gateways may be an hour apart."""
    spend(lead_store, "one")
    (kept,) = lead_store.database.sign_in_codes.find()
    index = lead_store.database.sign_in_codes.index_information()["expires_at_1"]
    assert index["expireAfterSeconds"] == 0
    assert kept["expires_at"] > datetime.now(UTC) + timedelta(minutes=60)


@pytest.mark.parametrize("missing", ["tenant_id", "code_id", "expires_at"])
def test_a_code_needs_all(lead_store: LeadStore, missing: str) -> None:
    """Without a tenant, an id or an end it is refused, and nothing is noted."""
    whole = pb.SpendCodeRequest(tenant_id="t", code_id="c", expires_at=stamp(datetime.now(UTC)))
    whole.ClearField(missing)  # type: ignore[arg-type]
    with pytest.raises(grpc.RpcError) as caught:
        lead_store.sign_in_stub.SpendCode(whole, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert lead_store.database.sign_in_codes.count_documents({}) == 0
