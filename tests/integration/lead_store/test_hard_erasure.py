"""Erasures that reach further than one record and its lead (R17, L11)."""

from typing import Any

from integration.lead_store.merging import two_linked_leads
from lead_store_calls import TENANT, LeadStore, absent, at, document, eventually, present, touch
from lead_store_moves import (
    delete,
    disconnect,
    holders,
    lease_of,
    minute_later,
    pushed_out,
    touched,
)
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_service_pb2
from leadsync.sync.v1 import sync_pb2

OTHER = "integration-2"


def erased_in_two_accounts(store: LeadStore, **values: str) -> None:
    """A person who was record 1 in one account and record 55 in another, and was erased in the first."""
    store.put_target()
    store.put_target(OTHER, account_id="222")
    lead_id = store.import_contact("1", first_name="Ann", given=values)
    pushed_out(store, lead_id, "55", 1, account="222", first_name="Ann", given=values)
    erase(store, "1")


def erase(store: LeadStore, record_id: str) -> None:
    """Let the CRM report a person's erasure, and find the record gone twice."""
    lease = touched(store, record_id, inbox.TOUCH_KIND_ERASED)
    store.reconcile(absent(lease))
    (decision,) = store.reconcile(absent(minute_later(store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED


def test_r17_an_erasure_buries_each_record_in_its_own_account_only(lead_store: LeadStore) -> None:
    """Somebody else who has the erased person's record id in the other account is imported as usual."""
    erased_in_two_accounts(lead_store, email="a@x.org")
    lead_store.deliver(touch("55", inbox.TOUCH_KIND_CREATED))
    seen = present(lease_of(lead_store, "55"), at(2), email="other@x.org", first_name="Somebody else")
    (decision,) = lead_store.reconcile(seen)
    assert decision.outcome == sync_pb2.OUTCOME_CREATED


def test_l11_an_erasure_reaches_what_an_account_sent_that_is_disconnected_now(lead_store: LeadStore) -> None:
    """The events about a person's record go from the inbox too if nobody is connected to its account any more."""
    lead_store.put_target()
    lead_store.put_target(OTHER, account_id="222")
    lead_id = lead_store.import_contact("1", first_name="Ann")
    pushed_out(lead_store, lead_id, "55", 1, account="222", first_name="Ann")
    sent = b'[{"objectId":55,"propertyValue":"secret"}]'
    lead_store.deliver(touch("55"), account="222", key="sent", raw=sent, records=["55"])
    eventually(lambda: document(lead_store.database.deliveries, "sent")["state"] == "routed")
    disconnect(lead_store, OTHER)
    erase(lead_store, "1")
    request = inbox.GetDeliveryRequest(tenant_id=TENANT, delivery_key="sent")
    assert lead_store.inbox.GetDelivery(request, timeout=60).delivery.delivery.events == b"[]"


def test_r17_an_erased_person_is_not_imported_again_from_another_account(lead_store: LeadStore) -> None:
    """The person's record in the tenant's other account makes no lead either, even without an e-mail."""
    erased_in_two_accounts(lead_store)
    lead_store.deliver(touch("55"), account="222")
    (decision,) = lead_store.reconcile(present(lease_of(lead_store, "55", OTHER), at(2), first_name="Ann"))
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "erased")
    assert lead_store.all_leads() == []


def test_r17_an_erasure_takes_the_lead_of_a_record_that_was_merged_into_the_erased_one(lead_store: LeadStore) -> None:
    """People merged two records, so that one lead was left as a duplicate: it is the same person, and goes too."""
    two_linked_leads(lead_store)
    lead_store.reconcile(present(touched(lead_store, "3"), at(1), merged=["1", "2"], email="a@x.org", phone="1"))
    assert len(holders(lead_store, "3")) == 1
    lease = touched(lead_store, "3", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED
    assert lead_store.all_leads() == []
    (again,) = lead_store.reconcile(present(touched(lead_store, "2"), at(2), email="c@x.org"))
    assert (again.outcome, again.reason) == (sync_pb2.OUTCOME_SKIPPED, "erased")


def test_r17_an_erasure_takes_the_deleted_lead_that_had_the_record_before(lead_store: LeadStore) -> None:
    """A lead was deleted, and its record went to a new one: what is left of the first is the same person's."""
    lead_store.put_target()
    first = lead_store.import_contact("1", email="a@x.org", company="Secret")
    delete(lead_store, first)
    lead_store.reconcile(present(lead_store.lease_one(), at(0), email="a@x.org", company="Secret"))
    second = lead_store.create(email="a@x.org", company="Secret").lead_id
    for _ in range(2):  # the new lead finds the record, whose work item links them
        lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="1", email="a@x.org", company="Secret"))
    assert holders(lead_store, "1") == [second]
    lease = touched(lead_store, "1", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED
    assert lead_store.database.leads.count_documents({}) == 0
    assert "Secret" not in str(list(lead_store.database.decisions.find({})))


def test_l11_a_watch_resumed_from_before_an_erasure_tells_of_it_without_values(lead_store: LeadStore) -> None:
    """It shows no value of the person, but the lead's id, to the lead's tenant alone."""
    lead_store.put_target()
    watches = [_watch(lead_store, tenant) for tenant in (TENANT, "tenant-2")]
    tokens = [next(watch).resume_token for watch in watches]
    for watch in watches:
        watch.cancel()
    lead_id = lead_store.import_contact("1", first_name="Ann", email="ann@x.org")
    lead_store.update(lead_id, phone="0446681800")
    erase(lead_store, "1")
    last = [lead_store.create(tenant=tenant, email="b@x.org").lead_id for tenant in (TENANT, "tenant-2")]
    shown = [
        _until(_watch(lead_store, tenant, token), lead)
        for tenant, token, lead in zip((TENANT, "tenant-2"), tokens, last, strict=True)
    ]
    assert [[one.erased_lead_id for one in changes if one.erased_lead_id] for changes in shown] == [[lead_id], []]
    assert not any(word in str(shown) for word in ("Ann", "ann@x.org", "0446681800"))


def _watch(store: LeadStore, tenant: str, resume_token: str = "") -> Any:
    request = lead_service_pb2.WatchLeadsRequest(tenant_id=tenant, resume_token=resume_token)
    return store.leads.WatchLeads(request, timeout=120)


def _until(watch: Any, lead_id: str) -> list[lead_service_pb2.WatchLeadsResponse]:
    """What a watch shows, up to the first change of a lead."""
    shown = list[lead_service_pb2.WatchLeadsResponse]()
    while not (shown and shown[-1].lead.lead_id == lead_id):
        shown.append(next(watch))
    watch.cancel()
    return shown
