"""LeadService: what callers may rely on when calls are repeated, raced, or wrong."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from lead_store_calls import INTEGRATION, TENANT, LeadStore, at, present
from lead_store_moves import refusal, touched
from leadsync.lead.v1 import lead_pb2, lead_service_pb2


def test_a_lead_is_stored_as_given(lead_store: LeadStore) -> None:
    """Every field comes back, custom fields included, and the origin is the platform."""
    lead = lead_store.create(email="Ann@x.org", first_name="Ann", status="new", custom_fields={"plan": "gold"})  # type: ignore[arg-type]
    again = lead_store.get(lead.lead_id)
    assert again == lead
    assert (again.email, again.status, dict(again.custom_fields)) == ("Ann@x.org", "new", {"plan": "gold"})
    assert again.crm_metadata.source_system == "jazzaam"
    assert again.crm_metadata.sync_version == 0


def test_a_repeated_request_makes_one_lead_even_when_raced(lead_store: LeadStore) -> None:
    """The same request id, twice or at the same time, answers the same lead."""
    request_id, made = uuid.uuid4().hex, list[str]()
    threads = [
        threading.Thread(target=lambda: made.append(lead_store.create(request_id=request_id, email="a@x.org").lead_id))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.append(lead_store.create(request_id=request_id, email="a@x.org").lead_id)
    assert len(made) == 5
    assert len(set(made)) == 1
    assert len(lead_store.all_leads()) == 1


@pytest.mark.parametrize("raced", [False, True], ids=["alone", "raced"])
def test_a_request_whose_lead_is_gone_makes_a_new_one(lead_store: LeadStore, raced: bool) -> None:
    """A process of an earlier version erased the lead and left its request noted; it makes one lead, as a new one."""
    former = lead_store.create(request_id="r", email="a@x.org").lead_id
    lead_store.database.leads.delete_one({"_id": former})
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(lead_store.create, request_id="r", email="b@x.org") for _ in range(4 if raced else 1)]
        made = {call.result().lead_id for call in calls}
    assert made == {lead.lead_id for lead in lead_store.all_leads()}
    assert len(made) == 1
    assert lead_store.create(request_id="r", email="c@x.org").lead_id in made


def test_an_etag_guards_an_update(lead_store: LeadStore) -> None:
    """Of two updates on one etag the second has to read again; without an etag the last one wins."""
    lead = lead_store.create(email="a@x.org")
    lead_store.update(lead.lead_id, etag=lead.etag, phone="1")
    code, reason, _ = refusal(lambda: lead_store.update(lead.lead_id, etag=lead.etag, phone="2"))
    assert (code, reason) == (grpc.StatusCode.ABORTED, "stale_etag")
    assert lead_store.get(lead.lead_id).phone == "1"
    assert lead_store.update(lead.lead_id, phone="3").phone == "3"


def test_racing_updates_of_different_fields_all_arrive(lead_store: LeadStore) -> None:
    """Updates at the same moment lose nothing: each is made on what the other one left."""
    lead = lead_store.create(email="a@x.org")
    fields = ("first_name", "last_name", "phone", "company", "job_title", "website")
    threads = [threading.Thread(target=lead_store.update, args=(lead.lead_id,), kwargs={f: f}) for f in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = lead_store.get(lead.lead_id)
    assert [getattr(after, field) for field in fields] == list(fields)


def test_an_update_that_changes_nothing_keeps_the_etag(lead_store: LeadStore) -> None:
    """Setting a value that is there leaves the lead, its etag and its work items as they are."""
    lead = lead_store.create(email="a@x.org")
    assert lead_store.update(lead.lead_id, email="a@x.org").etag == lead.etag


def test_a_mask_clears_a_custom_field(lead_store: LeadStore) -> None:
    """A masked field without a value is cleared; fields outside the mask stay."""
    lead = lead_store.create(email="a@x.org", custom_fields={"plan": "gold", "city": "Rome"})  # type: ignore[arg-type]
    request = lead_service_pb2.UpdateLeadRequest(tenant_id=TENANT, lead_id=lead.lead_id, lead=lead_pb2.Lead())
    request.update_mask.paths.append("custom_fields.plan")
    assert dict(lead_store.leads.UpdateLead(request, timeout=60).lead.custom_fields) == {"city": "Rome"}


def test_a_deleted_lead_is_gone_and_may_be_deleted_again(lead_store: LeadStore) -> None:
    """After a delete neither get nor list shows the lead; another delete is fine, an update is not."""
    lead = lead_store.create(email="a@x.org")
    delete = lead_service_pb2.DeleteLeadRequest(tenant_id=TENANT, lead_id=lead.lead_id)
    lead_store.leads.DeleteLead(delete, timeout=60)
    lead_store.leads.DeleteLead(delete, timeout=60)
    assert lead_store.all_leads() == []
    assert refusal(lambda: lead_store.get(lead.lead_id))[:2] == (grpc.StatusCode.NOT_FOUND, "lead_not_found")
    assert refusal(lambda: lead_store.update(lead.lead_id, phone="1"))[0] == grpc.StatusCode.NOT_FOUND


def test_l9_another_tenant_sees_nothing(lead_store: LeadStore) -> None:
    """Another tenant's lead can be neither read nor changed nor listed."""
    lead = lead_store.create(tenant="tenant-2", email="a@x.org")
    assert lead_store.all_leads() == []
    assert refusal(lambda: lead_store.get(lead.lead_id))[0] == grpc.StatusCode.NOT_FOUND
    assert refusal(lambda: lead_store.update(lead.lead_id, phone="1"))[0] == grpc.StatusCode.NOT_FOUND


def test_pages_hold_every_lead_once(lead_store: LeadStore) -> None:
    """Following the page tokens gives all leads once, oldest first; a token is good for its own filter only."""
    made = [lead_store.create(email=f"{n}@x.org").lead_id for n in range(7)]
    seen, token = list[str](), ""
    while True:
        request = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, page_size=3, page_token=token)
        page = lead_store.leads.ListLeads(request, timeout=60)
        seen += [lead.lead_id for lead in page.leads]
        token = page.next_page_token or token
        if not page.next_page_token:
            break
    assert seen == made
    other = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, page_token=token, email="1@x.org")
    assert refusal(lambda: lead_store.leads.ListLeads(other, timeout=60))[1:] == ("page_token", "page_token")
    broken = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, page_token="%%%")
    assert refusal(lambda: lead_store.leads.ListLeads(broken, timeout=60))[1] == "page_token"


def test_leads_are_found_by_record(lead_store: LeadStore) -> None:
    """A record's lead is found by integration and record id, all leads of an integration by the integration alone."""
    lead_store.put_target()
    linked = {record_id: lead_store.import_contact(record_id, email=f"{record_id}@x.org") for record_id in ("7", "8")}
    lead_store.put_target("second", account_id="7")
    lead_store.create(email="alone@x.org")

    def found(integration_id: str = "", record_id: str = "", email: str = "") -> list[str]:
        request = lead_service_pb2.ListLeadsRequest(
            tenant_id=TENANT, integration_id=integration_id, record_id=record_id, email=email
        )
        return [lead.lead_id for lead in lead_store.leads.ListLeads(request, timeout=60).leads]

    assert found(INTEGRATION, "7") == found(INTEGRATION, "7", "7@X.org") == [linked["7"]]
    assert found(INTEGRATION) == [linked["7"], linked["8"]]
    for nothing in ((INTEGRATION, "9"), (INTEGRATION, "7", "8@x.org"), ("second", "7"), ("second",)):
        assert found(*nothing) == []
    assert refusal(lambda: found("", "7"))[1:] == ("invalid_field", "integration_id")


def test_l9_leads_of_another_tenants_records_are_not_found(lead_store: LeadStore) -> None:
    """An integration of another tenant does not exist, whatever record is asked for."""
    lead_store.put_target("other", tenant_id="tenant-2")
    request = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, integration_id="other", record_id="7")
    answer = refusal(lambda: lead_store.leads.ListLeads(request, timeout=60))
    assert answer[:2] == (grpc.StatusCode.NOT_FOUND, "integration_not_found")


def test_leads_are_found_by_email_in_any_case(lead_store: LeadStore) -> None:
    """The e-mail filter ignores letter case."""
    lead = lead_store.create(email="Ann@X.org")
    lead_store.create(email="bob@x.org")
    request = lead_service_pb2.ListLeadsRequest(tenant_id=TENANT, email="ann@x.ORG")
    assert [found.lead_id for found in lead_store.leads.ListLeads(request, timeout=60).leads] == [lead.lead_id]


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"email": "no address"}, "invalid_email", "email"),
        ({"phone": "1"}, "no_name", "lead"),
        ({"email": "ada@nowhere"}, "invalid_email", "email"),
        ({"first_name": "x" * 131_073}, "invalid_field", "first_name"),
        ({"email": "a@x.org", "custom_fields": {"a b": "1"}}, "invalid_field", "custom_fields.a b"),
    ],
)
def test_bad_input_names_the_field(lead_store: LeadStore, values: dict[str, Any], reason: str, field: str) -> None:
    """A lead that cannot be stored is INVALID_ARGUMENT with reason and field, and nothing is kept."""
    assert refusal(lambda: lead_store.create(**values)) == (grpc.StatusCode.INVALID_ARGUMENT, reason, field)
    assert lead_store.all_leads() == []


@pytest.mark.parametrize(
    "values",
    [
        {"email": "ta..ro@docomo.ne.jp"},
        {"email": "no address", "last_name": "Taro"},
        {"last_name": "x" * 200_000},
        {"last_name": "Taro", "custom_fields": {f"f{n}": "x" for n in range(201)}},
        {"last_name": "Taro", "custom_fields": {f"f{n}": "x" * 60_000 for n in range(9)}},
    ],
    ids=["e-mail", "no e-mail", "long value", "many fields", "long lead"],
)
def test_what_came_from_a_crm_is_not_refused_as_long_as_it_is_unchanged(
    lead_store: LeadStore, values: dict[str, Any]
) -> None:
    """An imported lead takes its own values and any edit of another field, even where a new lead may not have them."""
    custom = {f"custom_fields.{name}": value for name, value in values.get("custom_fields", {}).items()}
    standard = {name: value for name, value in values.items() if name != "custom_fields"}
    lead_store.put_target(fields=(*custom, *standard, "phone"))
    seen = present(touched(lead_store, "1"), at(0), given=standard | {"phone": "1"}, custom=custom)
    lead = lead_store.get(lead_store.reconcile(seen)[0].lead_id)
    assert lead_store.update(lead.lead_id, **values).etag == lead.etag
    assert lead_store.update(lead.lead_id, phone="2", **values).phone == "2"


@pytest.mark.parametrize(
    "email", ["ta..ro@docomo.ne.jp", "x.@docomo.ne.jp", "a@b_c.example", "a@b.test", "a@b.invalid"]
)
def test_an_address_that_a_crm_accepts_is_accepted(lead_store: LeadStore, email: str) -> None:
    """Addresses that people really have are taken, although they break a standard; outer space is not kept."""
    lead = lead_store.create(email=f" {email} ")
    assert lead.email == email
    assert lead_store.update(lead.lead_id, email=f"{email} ").etag == lead.etag


def test_an_imported_address_is_kept_without_outer_space(lead_store: LeadStore) -> None:
    """What a CRM holds with a space around it is the same address, and nothing is written back."""
    lead_store.put_target()
    assert lead_store.get(lead_store.import_contact("1", email=" ada@example.com ")).email == "ada@example.com"


def watching(store: LeadStore, resume_token: str = "") -> Any:
    """Open a watch."""
    request = lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT, resume_token=resume_token)
    return store.leads.WatchLeads(request, timeout=60)


def test_a_watch_shows_each_change_and_goes_on_where_it_was_left(lead_store: LeadStore) -> None:
    """Creates, updates and deletions of the tenant's leads arrive; a resumed watch misses nothing in between."""
    watch = watching(lead_store)
    next(watch)
    lead_store.create(tenant="tenant-2", email="other@x.org")
    lead = lead_store.create(email="a@x.org")
    change = next(answer for answer in watch if answer.HasField("lead"))
    assert change.lead == lead
    watch.cancel()
    lead_store.update(lead.lead_id, phone="1")
    lead_store.leads.DeleteLead(lead_service_pb2.DeleteLeadRequest(tenant_id=TENANT, lead_id=lead.lead_id), timeout=60)
    resumed, seen = watching(lead_store, change.resume_token), list[lead_pb2.Lead]()
    while not (seen and seen[-1].HasField("deleted_at")):
        seen += [answer.lead for answer in [next(resumed)] if answer.HasField("lead")]
    assert {found.lead_id for found in seen} == {lead.lead_id}
    assert len(seen) == 2
    resumed.cancel()


def test_watches_are_bounded(lead_store: LeadStore) -> None:
    """One watch more than the most is refused, and so is a resume token that is not ours."""
    assert refusal(lambda: next(watching(lead_store, "@@@")))[1] == "resume_token"
    watches = [watching(lead_store) for _ in range(16)]
    for watch in watches:
        next(watch)
    assert refusal(lambda: next(watching(lead_store)))[:2] == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too_many_watches")
    for watch in watches:
        watch.cancel()
