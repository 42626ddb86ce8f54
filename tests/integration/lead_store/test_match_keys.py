"""Records find their leads by the keys of their integration, on the real database."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from lead_store.mongo.client import connect
from lead_store.mongo.lead_refs import hashed_refs
from lead_store.mongo.store import Store
from lead_store.usecases.references import References
from lead_store_calls import INTEGRATION, TENANT, LeadStore, absent, at, eventually, present, touch
from lead_store_moves import holders, lease_of, minute_later, touched
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import match_service_pb2 as match_pb
from leadsync.sync.v1 import plan_service_pb2 as plan_pb
from leadsync.sync.v1 import policy_pb2, sync_pb2

EMAIL, PHONE, NAME = policy_pb2.MATCH_KEY_EMAIL, policy_pb2.MATCH_KEY_PHONE, policy_pb2.MATCH_KEY_NAME_DOMAIN
BOTH = lead_pb2.DIRECTION_BIDIRECTIONAL
LINKED, CREATED = sync_pb2.OUTCOME_LINKED, sync_pb2.OUTCOME_CREATED


def matching_by(store: LeadStore, *keys: int, region: str = "CH", **changes: Any) -> None:
    """An integration that imports, and matches by these keys."""
    given = {"direction": lead_pb2.DIRECTION_FROM_CRM, "match_keys": keys, "phone_region": region, **changes}
    store.put_target(**given)


def imported(store: LeadStore, record_id: str, **values: Any) -> sync_pb2.Decision:
    """A record that comes in."""
    (decision,) = store.reconcile(present(touched(store, record_id, inbox.TOUCH_KIND_CREATED), at(0), **values))
    return decision


@pytest.mark.parametrize(
    ("lead", "record"),
    [
        ({"first_name": "Ada", "phone": "+41 44 668 18 00"}, {"phone": "044 668 18 00"}),
        ({"email": "ada@example.com", "phone": "044 668 18 00"}, {"phone": "0041446681800"}),
        (
            {"first_name": "Ada", "last_name": "Lovelace", "website": "https://www.example.com/about"},
            {"first_name": "ADA", "last_name": "Lovelace", "email": "ada@example.com"},
        ),
        ({"email": "ada@xn--bcher-kva.de"}, {"email": "ada@bücher.de"}),
        ({"email": "home@example.com"}, {"email": "work@example.com", "other_emails": ["Home@Example.com"]}),
    ],
    ids=["phone", "phone, one e-mail", "name and domain", "e-mail in another spelling", "further e-mail"],
)
def test_a_record_is_linked_to_the_lead_that_shares_a_key(
    lead_store: LeadStore, lead: dict[str, Any], record: dict[str, Any]
) -> None:
    """By each key, whatever its spelling on either side, a record finds its lead instead of becoming a second one."""
    matching_by(lead_store, EMAIL, PHONE, NAME)
    lead_id = lead_store.create(**lead).lead_id
    assert (imported(lead_store, "1", **record).outcome, holders(lead_store, "1")) == (LINKED, [lead_id])


@pytest.mark.parametrize(
    ("lead", "record"),
    [
        ("info@strasse.example", "info@straße.example"),
        ("info@office.example", "info@oﬃce.example"),
        ("strauss@example.com", "strauß@example.com"),
        ("sale@example.com", "ſale@example.com"),
    ],
)
def test_addresses_that_only_case_folding_joins_are_two_people(lead_store: LeadStore, lead: str, record: str) -> None:
    """A record with ß does not find the lead with ss, whose values stay as they are; neither does a listing."""
    matching_by(lead_store, EMAIL)
    made = lead_store.create(email=lead, first_name="Ada")
    assert imported(lead_store, "1", email=record, first_name="Eve").outcome == CREATED
    assert lead_store.get(made.lead_id) == made
    listed = lead_store.leads.ListLeads(lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, email=record))
    assert [one.email for one in listed.leads] == [record]


def test_a_further_email_of_the_record_is_equal_until_a_person_changes_it(lead_store: LeadStore) -> None:
    """A lead that found a record by it keeps it, and the record its first address; an edit flows as ever."""
    matching_by(lead_store, EMAIL, direction=BOTH)
    lead_id = lead_store.create(email="s@example.com", first_name="Ada").lead_id
    record: dict[str, Any] = {"first_name": "Ada", "other_emails": ["", "S@example.com"], "history": {}}
    lead_store.reconcile(present(lead_store.lease_one(), at(0), record_id="1", email="p@example.com", **record))
    (linked,) = lead_store.reconcile(present(lease_of(lead_store, "1"), at(0), email="p@example.com", **record))
    assert (linked.outcome, linked.HasField("write")) == (LINKED, False)
    assert lead_store.get(lead_id).email == "s@example.com"
    lead_store.reconcile(present(touched(lead_store, "1"), at(1), email="q@example.com", **record))
    assert lead_store.get(lead_id).email == "q@example.com"
    lead_store.update(lead_id, email="s@example.com")
    (edited,) = lead_store.reconcile(present(lease_of(lead_store, "1"), at(1), email="q@example.com", **record))
    assert dict(edited.write.values) == {"email": "s@example.com"}


def test_matching_by_email_alone_is_the_default(lead_store: LeadStore) -> None:
    """An integration that names no keys matches by e-mail, as ever: a shared phone number makes no link."""
    lead_store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM)
    lead_store.create(first_name="Ada", phone="+41446681800")
    assert imported(lead_store, "1", first_name="Ada", phone="+41446681800").outcome == CREATED


def test_an_integration_that_does_not_match_by_email_makes_a_lead(lead_store: LeadStore) -> None:
    """Only the keys that are named count, e-mail too."""
    matching_by(lead_store, PHONE)
    lead_store.create(email="a@example.com")
    assert imported(lead_store, "1", email="a@example.com").outcome == CREATED


def test_a_lead_is_found_by_what_it_holds_now(lead_store: LeadStore) -> None:
    """After an edit a lead is found by its new number, and not by the old one."""
    matching_by(lead_store, EMAIL, PHONE)
    lead_id = lead_store.create(first_name="Ada", phone="044 668 18 00").lead_id
    lead_store.update(lead_id, phone="044 668 18 99")
    assert imported(lead_store, "1", first_name="Eve", phone="+41446681800").outcome == CREATED
    assert imported(lead_store, "2", phone="+41446681899").lead_id == lead_id


def test_records_of_one_batch_find_each_others_leads(lead_store: LeadStore) -> None:
    """A lead that the batch itself makes is found by its phone number for a later record of the batch."""
    matching_by(lead_store, EMAIL, PHONE)
    lead_store.deliver(touch("1", inbox.TOUCH_KIND_CREATED), touch("2", inbox.TOUCH_KIND_CREATED))
    eventually(lambda: lead_store.database.work_items.count_documents({"due_at": {"$type": "date"}}) == 2)
    first, second = lead_store.lease().leases
    number = {"phone": "044 668 18 00", "first_name": "Ada"}
    decisions = lead_store.reconcile(present(first, at(0), given=number), present(second, at(0), given=number))
    assert [decision.reason for decision in decisions] == ["", "ambiguous_match"]  # the first one's lead is not free
    assert len(lead_store.all_leads()) == 1


@pytest.mark.parametrize(
    "person",
    [
        {"first_name": "Ada", "phone": "044 668 18 0{n}"},
        {"first_name": "Ada", "last_name": "Lovelace", "website": "example{n}.com"},
    ],
    ids=["phone", "name and domain"],
)
def test_r16_two_integrations_that_import_one_person_at_once_make_one_lead(
    lead_store: LeadStore, person: dict[str, str]
) -> None:
    """Two commits with one key cannot both see no match: the second one links to what the first one made."""
    accounts = {"integration-1": "48975575", "integration-2": "222"}
    for integration_id, account in accounts.items():
        matching_by(lead_store, EMAIL, PHONE, NAME, integration_id=integration_id, account_id=account)
    for n in range(6):
        values = {name: value.format(n=n) for name, value in person.items()}
        for account in accounts.values():
            lead_store.deliver(touch(f"{n}"), account=account)
        leases = [lease_of(lead_store, f"{n}", integration_id) for integration_id in accounts]
        barrier = threading.Barrier(2)
        decided: list[int] = []

        def bring(
            lease: sync_pb2.Lease,
            values: dict[str, str] = values,
            barrier: threading.Barrier = barrier,
            decided: list[int] = decided,
        ) -> None:
            barrier.wait()
            (decision,) = lead_store.reconcile(present(lease, at(0), given=values))
            decided.append(decision.outcome)

        threads = [threading.Thread(target=bring, args=(lease,)) for lease in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (sorted(decided), len(lead_store.all_leads())) == ([CREATED, LINKED], n + 1)


def test_r17_an_erasure_covers_the_records_further_emails(lead_store: LeadStore) -> None:
    """After an erasure nothing holds an address, and no record with any of the person's addresses is imported again."""
    matching_by(lead_store, EMAIL, PHONE)
    values = {"email": "work@example.com", "first_name": "Ada", "phone": "+41446681800"}
    imported(lead_store, "1", **values, other_emails=["Home@example.com"])
    lease = touched(lead_store, "1", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    (decision,) = lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED
    for name in lead_store.database.list_collection_names():
        for document in lead_store.database[name].find():
            assert "example.com" not in str(document).lower()
            assert "6681800" not in str(document)
    assert imported(lead_store, "2", email="home@example.com").reason == "erased"
    assert imported(lead_store, "3", email="new@example.com", other_emails=["WORK@example.com"]).reason == "erased"
    assert lead_store.all_leads() == []


def test_r17_an_erasure_covers_an_email_that_only_the_record_had(lead_store: LeadStore) -> None:
    """An address that was set in the CRM and must not flow to the lead is refused after the erasure like the lead's."""
    matching_by(lead_store, EMAIL, direction=BOTH, rules={"email": {"direction": lead_pb2.DIRECTION_TO_CRM}})
    lead_id = imported(lead_store, "1", email="crm@example.com", first_name="Ada").lead_id
    assert lead_store.get(lead_id).email == ""
    lease = touched(lead_store, "1", inbox.TOUCH_KIND_ERASED)
    lead_store.reconcile(absent(lease))
    lead_store.reconcile(absent(minute_later(lead_store, lease.work_item_id)))
    assert imported(lead_store, "2", email="crm@example.com", first_name="Ada").reason == "erased"
    assert lead_store.all_leads() == []


def erase(store: LeadStore, record_id: str) -> None:
    """A person is erased in the CRM."""
    lease = touched(store, record_id, inbox.TOUCH_KIND_ERASED)
    store.reconcile(absent(lease))
    (decision,) = store.reconcile(absent(minute_later(store, lease.work_item_id)))
    assert decision.outcome == sync_pb2.OUTCOME_ERASED


def test_r17_an_erasure_refuses_nobody_whose_address_only_looks_alike(lead_store: LeadStore) -> None:
    """After an erasure of the address with ss, the one with ß is imported, and the one with ss is not."""
    matching_by(lead_store, EMAIL)
    imported(lead_store, "1", email="info@strasse.example")
    erase(lead_store, "1")
    assert imported(lead_store, "2", email="info@STRASSE.example").reason == "erased"
    assert imported(lead_store, "3", email="info@straße.example").outcome == CREATED


def test_r17_an_erasure_by_an_earlier_version_still_holds(lead_store: LeadStore) -> None:
    """A tombstone that was kept with its case folded refuses every address that it may have been made for."""
    matching_by(lead_store, EMAIL)
    imported(lead_store, "1", email="info@strasse.example")
    erase(lead_store, "1")
    lead_store.database.tombstones.update_many({}, {"$unset": {"unfolded": 1}})
    assert imported(lead_store, "2", email="info@strasse.example").reason == "erased"
    assert imported(lead_store, "3", email="info@straße.example").reason == "erased"


def test_a_lead_that_was_kept_with_its_case_folded_keeps_matching(lead_store: LeadStore) -> None:
    """A lead of an earlier version is found by its own address, and not by the one that looks alike."""
    matching_by(lead_store, EMAIL, NAME)
    own = {"email": "info@straße.de", "first_name": "Ada", "last_name": "Lovelace"}
    by_email = lead_store.create(**own).lead_id
    refs = {
        "email_ref": f"{TENANT}/info@strasse.de",
        "refs": hashed_refs(TENANT, ["name_domain:ada|lovelace|strasse.de"]),
    }
    lead_store.database.leads.update_one({"_id": by_email}, {"$set": refs})
    assert imported(lead_store, "1", email="info@strasse.de").outcome == CREATED
    assert imported(lead_store, "2", given=own | {"email": "", "website": "straße.de"}).lead_id == by_email
    assert imported(lead_store, "3", email="info@STRAßE.de").reason == "ambiguous_match"  # its lead has record 2


def as_before(store: LeadStore) -> None:
    """Let all leads be as a version without references wrote them."""
    for lead in store.database.leads.find():
        store.database.leads.update_one(
            {"_id": lead["_id"]},
            {"$unset": {"refs": 1}, "$set": {"email_ref": f"{TENANT}/{lead['values'].get('email', '').lower()}"}},
        )


def test_leads_of_an_earlier_version_keep_matching(lead_store: LeadStore, mongo_url: str) -> None:
    """Without references a lead is found by its e-mail as ever; once they are added, by its other keys too."""
    matching_by(lead_store, EMAIL, PHONE)
    by_email = lead_store.create(email="Ada@xn--bcher-kva.de").lead_id
    by_phone = lead_store.create(first_name="Eve", phone="044 668 18 00").lead_id
    as_before(lead_store)
    assert imported(lead_store, "1", email="ada@XN--bcher-kva.de").lead_id == by_email
    before = {lead.lead_id: lead.etag for lead in lead_store.all_leads()}
    as_before(lead_store)

    watch = lead_store.leads.WatchLeads(lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT), timeout=60)
    next(iter(watch))  # it is open
    with connect(mongo_url) as client:
        References(Store.of(client, lead_store.database.name, b"k" * 32), timedelta(seconds=1)).run()
    edited = lead_store.update(by_phone, first_name="Eva")
    # A watch may show first what was made a moment before it began. Nobody else has changed.
    changed = (one.lead for one in watch if one.lead.lead_id)
    later = (lead for lead in changed if before.get(lead.lead_id) != lead.etag)
    assert next(later) == edited
    watch.cancel()
    before[by_phone] = edited.etag
    assert all("refs" in lead for lead in lead_store.database.leads.find())
    assert {lead.lead_id: lead.etag for lead in lead_store.all_leads()} == before
    assert imported(lead_store, "2", phone="+41446681800").lead_id == by_phone
    listed = lead_store.leads.ListLeads(lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, email="ada@bücher.de"))
    assert [lead.lead_id for lead in listed.leads] == [by_email]


def test_an_edit_comes_before_the_references_are_added(lead_store: LeadStore, mongo_url: str) -> None:
    """A lead that is edited before its turn comes is found by what it holds then."""
    matching_by(lead_store, EMAIL, PHONE)
    lead_id = lead_store.create(first_name="Eve", phone="044 668 18 00").lead_id
    as_before(lead_store)
    with connect(mongo_url) as client:
        leads = Store.of(client, lead_store.database.name, b"k" * 32).leads
        (ids,) = leads.without_refs(10)
        lead_store.update(lead_id, phone="044 668 18 99")
        leads.add_refs(ids)
    assert imported(lead_store, "1", phone="+41446681899").lead_id == lead_id


def duplicates(store: LeadStore, tenant: str = TENANT, **filters: Any) -> list[tuple[str, str, str]]:
    """Record, lead and double of each pair."""
    request = match_pb.ListDuplicatesRequest(tenant_id=tenant, **filters)
    found = store.match_stub.ListDuplicates(request, timeout=60).duplicates
    return [(pair.record_id, pair.lead_id, pair.duplicate_lead_id) for pair in found]


def test_the_lead_that_is_looked_for_a_record_is_found_by_email_as_ever(lead_store: LeadStore) -> None:
    """A lead without a record is looked for by its mark and e-mail only, and is created where nothing has them."""
    matching_by(lead_store, EMAIL, PHONE, direction=lead_pb2.DIRECTION_BIDIRECTIONAL)
    lead_id = lead_store.create(email="A@example.com", phone="044 668 18 00").lead_id
    (lease,) = lead_store.lease().leases
    assert (lease.lead_id, lease.email) == (lead_id, "a@example.com")
    (decision,) = lead_store.reconcile(absent(lease))
    assert decision.write.kind == sync_pb2.WRITE_KIND_CREATE


def test_a_lead_is_looked_for_in_every_spelling_that_would_match_it(lead_store: LeadStore) -> None:
    """What makes a record of an event the lead's is what the CRM is asked for before a record is created."""
    matching_by(lead_store, EMAIL, direction=lead_pb2.DIRECTION_BIDIRECTIONAL)
    lead_id = lead_store.create(email="Ada@xn--bcher-kva.de", first_name="Ada").lead_id
    (lease,) = lead_store.lease().leases
    assert lease.email == lease.emails[0] == "ada@bücher.de"
    assert "ada@xn--bcher-kva.de" in lease.emails
    request = plan_pb.PlanLeadsRequest(tenant_id=TENANT, integration_id=INTEGRATION, lead_ids=[lead_id])
    (planned,) = lead_store.plan_stub.PlanLeads(request, timeout=60).leases
    assert planned.emails == lease.emails


def merge(store: LeadStore, survivor: str, *records: str, marked: str = "") -> None:
    """People merge records in the CRM."""
    store.deliver(touch(survivor))
    seen = present(
        lease_of(store, survivor), at(9), history={}, merged=records, marked=marked, email=f"{survivor}@x.org"
    )
    store.reconcile(seen)


def test_r15_merged_records_make_a_pair_of_leads(lead_store: LeadStore) -> None:
    """The lead that keeps the surviving record and the one that lost its own are listed, also after more merges."""
    lead_store.put_target()
    first, second, third = (lead_store.import_contact(n, email=f"{n}@x.org") for n in ("1", "2", "3"))
    merge(lead_store, "4", "1", "2", marked=second)
    assert duplicates(lead_store) == [("4", second, first)]
    merge(lead_store, "5", "3", "4", "1", "2", marked=third)
    assert sorted(duplicates(lead_store)) == sorted([("5", third, first), ("5", third, second)])
    assert duplicates(lead_store, page_size=1)[0] == duplicates(lead_store)[0]
    assert duplicates(lead_store, "tenant-2") == duplicates(lead_store, integration_id="other") == []


@pytest.mark.parametrize("gone", [0, 1])
def test_a_pair_disappears_when_one_of_the_leads_is_gone(lead_store: LeadStore, gone: int) -> None:
    """Once people have deleted either lead, there is nothing left to decide."""
    lead_store.put_target()
    leads = [lead_store.import_contact(n, email=f"{n}@x.org") for n in ("1", "2")]
    merge(lead_store, "3", "1", "2", marked=leads[1])
    assert len(duplicates(lead_store)) == 1
    lead_store.leads.DeleteLead(lead_service_pb2.DeleteLeadRequest(tenant_id=TENANT, lead_id=leads[gone]), timeout=60)
    assert duplicates(lead_store) == []


def test_a_page_of_duplicates_ends_and_goes_on(lead_store: LeadStore) -> None:
    """Every pair is on exactly one page."""
    lead_store.put_target()
    leads = [lead_store.import_contact(f"{n}", email=f"{n}@x.org") for n in range(6)]
    for n in range(3):
        merge(lead_store, f"9{n}", f"{2 * n}", f"{2 * n + 1}", marked=leads[2 * n + 1])
    found, token = [], ""
    while True:
        request = match_pb.ListDuplicatesRequest(tenant_id=TENANT, page_size=1, page_token=token)
        page = lead_store.match_stub.ListDuplicates(request, timeout=60)
        found += [pair.duplicate_lead_id for pair in page.duplicates]
        if not (token := page.next_page_token):
            break
    assert found == sorted(leads[::2])
