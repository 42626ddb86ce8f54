"""From the CRM to a lead and back, one record at a time."""

from lead_store_calls import LeadStore, absent, at, done, eventually, present, touch
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.sync.v1 import sync_pb2


def test_a_new_contact_becomes_one_lead(lead_store: LeadStore) -> None:
    """A delivery makes its record's work item due, and reconciling it makes a lead that says where it came from."""
    lead_store.put_target()
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_CREATED))
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(0), email="Ann@x.org", first_name="Ann"))
    lead = lead_store.get(decision.lead_id)
    assert decision.outcome == sync_pb2.OUTCOME_CREATED
    assert (lead.email, lead.first_name, lead.crm_metadata.source_system) == ("Ann@x.org", "Ann", "hubspot")
    assert lead.links[0].record_id == "1"
    assert lead_store.lease(wait=0).leases == []
    assert lead_store.status().from_crm_created == 1


def test_a_lead_made_here_is_created_once_and_its_echo_changes_nothing(lead_store: LeadStore) -> None:
    """A lead becomes a write that is settled; the webhook of our own create is skipped and counted."""
    lead_store.put_target()
    lead = lead_store.create(email="bob@x.org", first_name="Bob")
    lease = lead_store.lease_one()
    assert (lease.lead_id, lease.record_id, lease.email) == (lead.lead_id, "", "bob@x.org")
    (decision,) = lead_store.reconcile(absent(lease))
    assert decision.write.kind == sync_pb2.WRITE_KIND_CREATE
    assert dict(decision.write.values) == {"email": "bob@x.org", "first_name": "Bob"}
    assert lead_store.settle(lease, decision.write, done("7", at(1), email="bob@x.org"))
    lead_store.deliver(touch("7", inbox.TOUCH_KIND_CREATED))
    eventually(lambda: lead_store.status().total_received == 1)
    echo = lead_store.lease_one()
    assert echo.record_id == "7"
    seen = present(echo, at(1), source_system="jazzaam", marked=lead.lead_id, email="bob@x.org", first_name="Bob")
    (decision,) = lead_store.reconcile(seen)
    assert (decision.outcome, decision.reason) == (sync_pb2.OUTCOME_SKIPPED, "originated_on_platform")
    assert not decision.HasField("write")
    assert len(lead_store.all_leads()) == 1
    assert lead_store.status().from_crm_skipped == 1
    assert lead_store.get(lead.lead_id).crm_metadata.sync_version == 1


def test_edits_of_different_fields_on_both_sides_both_survive(lead_store: LeadStore) -> None:
    """An edit here and one there, of different fields, are merged into one write and one update."""
    lead_store.put_target()
    lead_id = lead_store.import_contact("1", email="a@x.org", first_name="Ann", phone="1")
    lead_store.update(lead_id, phone="2")
    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(5), email="a@x.org", first_name="Anna", phone="1"))
    assert decision.outcome == sync_pb2.OUTCOME_UPDATED
    assert dict(decision.write.values) == {"phone": "2"}
    assert lead_store.settle(lease, decision.write, done("1", at(6), phone="2"))
    lead = lead_store.get(lead_id)
    assert (lead.first_name, lead.phone) == ("Anna", "2")
    lead_store.deliver(touch("1"))
    (echo,) = lead_store.reconcile(
        present(lead_store.lease_one(), at(6), email="a@x.org", first_name="Anna", phone="2")
    )
    assert (echo.outcome, echo.HasField("write")) == (sync_pb2.OUTCOME_UNCHANGED, False)
