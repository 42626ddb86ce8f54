"""LeadFieldService: declarations that are repeated, raced, refused, and seen by other processes."""

import threading
from collections.abc import Callable, Iterator

import grpc
import pytest
from lead_store.domain.fields import STANDARD_FIELDS
from lead_store.domain.lead_fields import MOST_FIELDS, declare
from lead_store.domain.values import FieldType
from lead_store.mongo.client import connect
from lead_store.mongo.store import Store
from lead_store.usecases.lead_fields import FRESH_SECONDS, MOST_TENANTS, LeadFields
from lead_store_calls import TENANT, LeadStore
from lead_store_moves import refusal
from leadsync.lead.v1 import lead_field_pb2
from leadsync.lead.v1 import lead_field_service_pb2 as pb

REVENUE = "custom_fields.revenue"
NUMBER = lead_field_pb2.FIELD_TYPE_NUMBER
CHOICE = lead_field_pb2.FIELD_TYPE_CHOICE


def put(
    lead_store: LeadStore,
    name: str = REVENUE,
    kind: lead_field_pb2.FieldType.ValueType = NUMBER,
    *options: str,
    label: str = "Revenue",
    etag: str = "",
    tenant: str = TENANT,
) -> lead_field_pb2.LeadField:
    """Declare a field."""
    field = lead_field_pb2.LeadField(name=name, label=label, type=kind, options=options)
    return lead_store.lead_fields.PutLeadField(
        pb.PutLeadFieldRequest(tenant_id=tenant, field=field, etag=etag), timeout=60
    ).field


def get(lead_store: LeadStore, name: str = REVENUE, tenant: str = TENANT) -> lead_field_pb2.LeadField:
    """Get a field."""
    return lead_store.lead_fields.GetLeadField(pb.GetLeadFieldRequest(tenant_id=tenant, name=name), timeout=60).field


def names(lead_store: LeadStore, tenant: str = TENANT) -> list[str]:
    """Names of all fields that are no standard fields."""
    found = lead_store.lead_fields.ListLeadFields(pb.ListLeadFieldsRequest(tenant_id=tenant), timeout=60).fields
    assert [field.name for field in found if field.standard] == list(STANDARD_FIELDS)
    return [field.name for field in found[len(STANDARD_FIELDS) :]]


def remove(lead_store: LeadStore, name: str = REVENUE, tenant: str = TENANT) -> None:
    """Forget a declaration."""
    lead_store.lead_fields.DeleteLeadField(pb.DeleteLeadFieldRequest(tenant_id=tenant, name=name), timeout=60)


def at_once(*calls: Callable[[], object]) -> None:
    """Make calls at the same time and wait for all of them."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_declared_field_is_stored_as_given(lead_store: LeadStore) -> None:
    """It is listed behind the standard fields and comes back with its type, label and options in their order."""
    heat = put(lead_store, "custom_fields.heat", CHOICE, "hot", "cold", label="Heat")
    put(lead_store, "custom_fields.age", NUMBER, label="")
    assert get(lead_store, "custom_fields.heat") == heat
    assert (heat.label, heat.type, list(heat.options), heat.standard) == ("Heat", CHOICE, ["hot", "cold"], False)
    assert get(lead_store, "custom_fields.age").label == "age"
    assert names(lead_store) == ["custom_fields.age", "custom_fields.heat"]
    email = get(lead_store, "email")
    assert (email.type, email.standard, email.etag) == (lead_field_pb2.FIELD_TYPE_EMAIL, True, "")


def test_a_declaration_may_be_repeated(lead_store: LeadStore) -> None:
    """The same twice, or the same at once, is one declaration with one etag; another one gets a new etag."""
    first, again = put(lead_store), list[lead_field_pb2.LeadField]()
    at_once(*[lambda: again.append(put(lead_store))] * 4)
    assert again == [first] * 4
    assert put(lead_store, kind=CHOICE).etag != first.etag


def test_racing_declarations_all_arrive(lead_store: LeadStore) -> None:
    """Fields that are declared and removed at the same time do not undo each other, also the first of a tenant."""
    wanted = [f"custom_fields.f{number}" for number in range(6)]
    at_once(*[lambda name=name: put(lead_store, name) for name in wanted])
    assert names(lead_store) == wanted
    at_once(lambda: remove(lead_store, wanted[0]), lambda: put(lead_store, wanted[1], CHOICE), lambda: put(lead_store))
    assert names(lead_store) == [*wanted[1:], REVENUE]
    assert get(lead_store, wanted[1]).type == CHOICE


def test_an_etag_guards_a_change_even_when_raced(lead_store: LeadStore) -> None:
    """Of several changes on one etag one is made and the others are refused; a field that is removed has no etag."""
    etag, changed, refused = put(lead_store).etag, list[str](), list[str]()

    def change(label: str) -> None:
        try:
            changed.append(put(lead_store, label=label, etag=etag).label)
        except grpc.RpcError as error:
            refused.append(error.code().name)

    at_once(*[lambda label=label: change(label) for label in "abcd"])
    assert [get(lead_store).label] == changed
    assert refused == ["ABORTED"] * 3
    etag = get(lead_store).etag
    remove(lead_store)
    assert refusal(lambda: put(lead_store, etag=etag))[:2] == (grpc.StatusCode.ABORTED, "stale_etag")
    put(lead_store)
    assert refusal(lambda: put(lead_store, etag=etag, label="b"))[1] == "stale_etag"


def test_a_declaration_may_be_removed_twice(lead_store: LeadStore) -> None:
    """Afterwards nobody knows the field; removing what is not there is fine."""
    put(lead_store)
    remove(lead_store)
    remove(lead_store)
    assert names(lead_store) == []
    assert refusal(lambda: get(lead_store))[:2] == (grpc.StatusCode.NOT_FOUND, "lead_field_not_found")


def test_l9_another_tenant_sees_and_changes_nothing(lead_store: LeadStore) -> None:
    """Each tenant has declarations of its own."""
    put(lead_store)
    put(lead_store, kind=CHOICE, tenant="tenant-2")
    remove(lead_store, tenant="tenant-3")
    assert (names(lead_store), names(lead_store, "tenant-3")) == ([REVENUE], [])
    assert [get(lead_store, tenant=tenant).type for tenant in (TENANT, "tenant-2")] == [NUMBER, CHOICE]
    remove(lead_store, tenant="tenant-2")
    assert names(lead_store) == [REVENUE]


def test_the_limit_of_a_tenant_holds_in_a_race(lead_store: LeadStore) -> None:
    """Of two that declare the last field at the same time one is refused."""
    stored = {"label": "x", "type": "text", "options": [], "revision": 1}
    fields = {f"custom_fields:f{number}": stored for number in range(MOST_FIELDS - 1)}
    lead_store.database.lead_fields.insert_one({"_id": TENANT, "revision": 1, "fields": fields})
    refused = list[str]()

    def declare_one(name: str) -> None:
        try:
            put(lead_store, name)
        except grpc.RpcError as error:
            refused.append(error.code().name)

    at_once(lambda: declare_one("custom_fields.a"), lambda: declare_one("custom_fields.b"))
    assert refused == ["FAILED_PRECONDITION"]
    assert len(names(lead_store)) == MOST_FIELDS
    assert refusal(lambda: put(lead_store, "custom_fields.c"))[1] == "too_many_lead_fields"


@pytest.mark.parametrize(
    ("name", "kind", "options", "expected"),
    [
        ("email", lead_field_pb2.FIELD_TYPE_EMAIL, (), ("standard_field", "name")),
        ("revenue", NUMBER, (), ("invalid_field", "name")),
        (REVENUE, 99, (), ("invalid_field", "type")),
        (REVENUE, NUMBER, ("1",), ("invalid_field", "options")),
        (REVENUE, CHOICE, ("hot", "hot"), ("invalid_field", "options[1]")),
    ],
)
def test_a_wrong_declaration_names_its_fault(
    lead_store: LeadStore,
    name: str,
    kind: lead_field_pb2.FieldType.ValueType,
    options: tuple[str, ...],
    expected: tuple[str, str],
) -> None:
    """What cannot be declared is INVALID_ARGUMENT with reason and path, and nothing is kept."""
    code, *found = refusal(lambda: put(lead_store, name, kind, *options))
    assert (code, tuple(found)) == (grpc.StatusCode.INVALID_ARGUMENT, expected)
    assert names(lead_store) == []


def test_a_field_without_a_type_is_text_and_a_standard_field_stays(lead_store: LeadStore) -> None:
    """UNSPECIFIED means TEXT; a standard field cannot be removed."""
    assert put(lead_store, kind=lead_field_pb2.FIELD_TYPE_UNSPECIFIED).type == lead_field_pb2.FIELD_TYPE_TEXT
    assert refusal(lambda: remove(lead_store, "email"))[1] == "standard_field"


class Process:
    """The use cases as one process has them, with a clock that stands still and a note of what is to be applied."""

    def __init__(self, store: Store) -> None:
        self.seconds = 100.0
        self.applied: list[tuple[str, int]] = []
        self.fields = LeadFields(store, lambda tenant, revision: self.applied.append((tenant, revision)), self.steady)

    def steady(self) -> float:
        """The clock."""
        return self.seconds

    def type_of(self, tenant: str = TENANT) -> str:
        """The type of the field `revenue`, as merging asks for it."""
        return self.fields.of_tenant(tenant).type_of(REVENUE)

    def put(self, kind: FieldType, tenant: str = TENANT) -> None:
        """Declare the field `revenue`."""
        self.fields.put(tenant, declare(REVENUE, "", kind))


@pytest.fixture
def processes(lead_store: LeadStore, mongo_url: str) -> Iterator[tuple[Process, Process]]:
    """Two processes on one database."""
    with connect(mongo_url) as client:
        store = Store.of(client, lead_store.database.name, b"k" * 32)
        yield Process(store), Process(store)


def test_types_are_remembered_for_two_seconds(processes: tuple[Process, Process]) -> None:
    """A change is seen at once by the process that made it, by another one when its reading is two seconds old."""
    here, there = processes
    assert (here.type_of(), there.type_of()) == ("text", "text")
    here.put(FieldType.NUMBER)
    there.seconds += FRESH_SECONDS - 0.1
    assert (here.type_of(), there.type_of()) == ("number", "text")
    there.seconds += 0.1
    assert there.type_of() == "number"
    here.fields.remove(TENANT, REVENUE)
    assert here.type_of() == "text"


def test_types_are_remembered_by_tenant_and_of_some_tenants_only(processes: tuple[Process, Process]) -> None:
    """No tenant gets another one's types, and however many ask, the memory stays bounded."""
    here, _ = processes
    here.put(FieldType.NUMBER)
    assert [here.type_of(f"other-{number}") for number in range(MOST_TENANTS + 5)] == ["text"] * (MOST_TENANTS + 5)
    assert len(here.fields._remembered) == MOST_TENANTS
    assert here.type_of() == "number"


def test_r19_whatever_depends_on_types_is_called_after_each_change(processes: tuple[Process, Process]) -> None:
    """Also after one that changed nothing, since the call of the one before it may never have been made."""
    here, there = processes
    here.put(FieldType.NUMBER)
    there.put(FieldType.NUMBER)
    there.put(FieldType.CHOICE)
    here.fields.remove(TENANT, REVENUE)
    here.fields.remove(TENANT, REVENUE)
    assert here.applied == [(TENANT, 1), (TENANT, 3), (TENANT, 3)]
    assert there.applied == [(TENANT, 1), (TENANT, 2)]
