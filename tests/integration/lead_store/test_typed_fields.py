"""Values of declared fields, from people and from records."""

import grpc
import pytest
from lead_store_calls import FIELDS, TENANT, LeadStore, at, present
from lead_store_moves import conflicts, refusal, resolve, touched
from leadsync.lead.v1 import lead_field_pb2, lead_field_service_pb2, lead_pb2, lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2 as conflict_pb
from leadsync.sync.v1 import sync_pb2

REVENUE = "custom_fields.revenue"
EMAIL = "a@x.org"
NUMBER, TEXT = lead_field_pb2.FIELD_TYPE_NUMBER, lead_field_pb2.FIELD_TYPE_TEXT
CHOICE = lead_field_pb2.FIELD_TYPE_CHOICE


def declare(store: LeadStore, kind: lead_field_pb2.FieldType.ValueType = NUMBER, *options: str) -> None:
    """Declare the type of the revenue."""
    field = lead_field_pb2.LeadField(name=REVENUE, type=kind, options=options)
    request = lead_field_service_pb2.PutLeadFieldRequest(tenant_id=TENANT, field=field)
    store.lead_fields.PutLeadField(request, timeout=60)


def create(store: LeadStore, revenue: str) -> lead_pb2.Lead:
    """Create a lead with a revenue."""
    lead = lead_pb2.Lead(email=EMAIL, custom_fields={"revenue": revenue})
    return store.leads.CreateLead(lead_service_pb2.CreateLeadRequest(tenant_id=TENANT, lead=lead), timeout=60).lead


def update(store: LeadStore, lead_id: str, revenue: str) -> lead_pb2.Lead:
    """Set the revenue of a lead."""
    lead = lead_pb2.Lead(custom_fields={"revenue": revenue})
    request = lead_service_pb2.UpdateLeadRequest(tenant_id=TENANT, lead_id=lead_id, lead=lead)
    request.update_mask.paths.append(REVENUE)
    return store.leads.UpdateLead(request, timeout=60).lead


@pytest.fixture
def typed_store(lead_store: LeadStore) -> LeadStore:
    """A lead-store with an integration that maps a number."""
    declare(lead_store)
    lead_store.put_target(fields=[*FIELDS, REVENUE])
    return lead_store


def seen(store: LeadStore, revenue: str, modified: float = 9) -> sync_pb2.Decision:
    """Read record 1 with this revenue."""
    (decision,) = store.reconcile(present(touched(store), at(modified), email=EMAIL, custom={REVENUE: revenue}))
    return decision


def test_what_people_enter_gets_its_canonical_form(typed_store: LeadStore) -> None:
    """So it is stored and shown, and entering it in another spelling changes nothing."""
    lead = create(typed_store, " 1.50 ")
    assert lead.custom_fields["revenue"] == "1.5"
    assert update(typed_store, lead.lead_id, "15e-1").etag == lead.etag


def test_what_is_not_of_its_type_is_refused(typed_store: LeadStore) -> None:
    """With the path of the field and the reason, at a create as at an update."""
    expected = grpc.StatusCode.INVALID_ARGUMENT, "not_a_number", REVENUE
    assert refusal(lambda: create(typed_store, "a lot")) == expected
    lead = create(typed_store, "1")
    assert refusal(lambda: update(typed_store, lead.lead_id, "a lot")) == expected


def test_a_record_in_another_spelling_changes_nothing(typed_store: LeadStore) -> None:
    """R10: the value is the same; a new value is taken in canonical form."""
    lead_id = seen(typed_store, "1.50", 1).lead_id
    assert typed_store.get(lead_id).custom_fields["revenue"] == "1.5"
    assert seen(typed_store, "+1.5", 2).outcome == sync_pb2.OUTCOME_UNCHANGED
    assert seen(typed_store, "2.0", 3).outcome == sync_pb2.OUTCOME_UPDATED
    assert typed_store.get(lead_id).custom_fields["revenue"] == "2"


def test_an_unreadable_value_is_shown_and_left_alone(typed_store: LeadStore) -> None:
    """Neither side is changed, whatever the platform's people do meanwhile, until the value can be read again."""
    lead_id = seen(typed_store, "1", 1).lead_id
    assert seen(typed_store, "a lot", 2).outcome == sync_pb2.OUTCOME_UNCHANGED
    lead = typed_store.get(lead_id)
    assert lead.custom_fields["revenue"] == "1"
    (shown,) = lead.links[0].unreadable
    assert (shown.field, shown.theirs, shown.reason) == (REVENUE, "a lot", "not_a_number")

    update(typed_store, lead_id, "2")
    lease = typed_store.lease_one()
    (decision,) = typed_store.reconcile(present(lease, at(2), email=EMAIL, custom={REVENUE: "a lot"}))
    assert not decision.HasField("write")

    decision = seen(typed_store, "1", 3)
    assert dict(decision.write.values) == {REVENUE: "2"}
    assert not typed_store.get(lead_id).links[0].unreadable


def test_a_new_lead_shows_what_could_not_be_read(typed_store: LeadStore) -> None:
    """It is imported without the value, and its blank does not clear the record's."""
    lead_id = seen(typed_store, "a lot", 1).lead_id
    lead = typed_store.get(lead_id)
    assert [one.field for one in lead.links[0].unreadable] == [REVENUE]
    assert not lead.custom_fields
    assert not seen(typed_store, "a lot", 2).HasField("write")


def test_r19_a_changed_type_makes_the_work_items_due(lead_store: LeadStore) -> None:
    """What had been agreed on under the other type is looked at again; repeating the declaration does nothing."""
    lead_store.put_target(fields=[*FIELDS, REVENUE])
    lead_id = seen(lead_store, "1.50", 1).lead_id
    assert lead_store.get(lead_id).custom_fields["revenue"] == "1.50"
    declare(lead_store, TEXT)
    assert lead_store.work() == []

    declare(lead_store)

    lease = lead_store.lease_one()
    (decision,) = lead_store.reconcile(present(lease, at(1), email=EMAIL, custom={REVENUE: "1.50"}))
    assert decision.outcome == sync_pb2.OUTCOME_UNCHANGED
    declare(lead_store)
    assert lead_store.work() == []


def test_r19_a_new_option_reaches_the_records_that_have_it(lead_store: LeadStore) -> None:
    """A value that was no option is shown as unreadable. Once it is one, the lead takes it without a further event."""
    declare(lead_store, CHOICE, "much")
    lead_store.put_target(fields=[*FIELDS, REVENUE])
    lead_id = seen(lead_store, "much", 1).lead_id
    seen(lead_store, "more", 2)
    assert [one.reason for one in lead_store.get(lead_id).links[0].unreadable] == ["not_an_option"]

    declare(lead_store, CHOICE, "much", "more")

    lease = lead_store.lease_one()
    lead_store.reconcile(present(lease, at(2), email=EMAIL, custom={REVENUE: "more"}))
    lead = lead_store.get(lead_id)
    assert (lead.custom_fields["revenue"], list(lead.links[0].unreadable)) == ("more", [])


def waiting(store: LeadStore) -> str:
    """A lead with a text in a field that is a number since, while its record has a number."""
    store.put_target(fields=[*FIELDS, REVENUE])
    lead_id = seen(store, "1", 1).lead_id
    update(store, lead_id, "a lot")
    declare(store)
    lease = store.lease_one()
    store.reconcile(present(lease, at(2), email=EMAIL, custom={REVENUE: "2"}, history={}))
    return lead_id


def test_l1_a_value_that_is_no_longer_of_its_type_waits_for_a_person(lead_store: LeadStore) -> None:
    """It was set last, so that it should win, but it cannot be sent. The two sides do not stay different unseen."""
    lead_id = waiting(lead_store)
    (conflict,) = conflicts(lead_store)
    assert (conflict.ours, conflict.theirs) == ("a lot", "2")
    assert lead_store.get(lead_id).custom_fields["revenue"] == "a lot"


def test_a_conflict_is_not_settled_with_a_value_that_is_not_of_its_type(lead_store: LeadStore) -> None:
    """Neither by the platform's value from before, nor by another one. The request's own field is named."""
    lead_id = waiting(lead_store)
    (conflict,) = conflicts(lead_store)
    wrong = grpc.StatusCode.INVALID_ARGUMENT, "not_a_number"
    assert refusal(lambda: resolve(lead_store, conflict, take=conflict_pb.SIDE_PLATFORM)) == (*wrong, "take")
    assert refusal(lambda: resolve(lead_store, conflict, value="much")) == (*wrong, "value")
    resolve(lead_store, conflict, take=conflict_pb.SIDE_CRM)
    assert lead_store.get(lead_id).custom_fields["revenue"] == "2"
