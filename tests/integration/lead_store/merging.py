"""Two leads of one person, and their merge."""

from lead_store_calls import TENANT, LeadStore, at, present
from leadsync.lead.v1 import lead_pb2
from leadsync.sync.v1 import match_service_pb2 as match_pb
from leadsync.sync.v1 import policy_pb2

ASK = {"phone": {"rule": policy_pb2.MERGE_RULE_ASK}}


def linked_and_free(store: LeadStore, **survivor: str) -> tuple[str, str]:
    """A lead with record 1, and another one that has no link: the account only gave when it was made."""
    store.put_target(direction=lead_pb2.DIRECTION_FROM_CRM, rules=ASK)
    loser = store.import_contact("1", email="a@x.org", phone="1", company="Old Inc.")
    free = store.create(**{"email": "b@x.org", **survivor}).lead_id
    store.put_target(revision=2, rules=ASK)
    lease = store.lease_one()
    store.reconcile(present(lease, at(0), email="a@x.org", phone="1", company="Old Inc."))
    return loser, free


def both_linked(store: LeadStore) -> tuple[str, str]:
    """Two leads with the records 1 and 2."""
    store.put_target()
    loser = store.import_contact("1", email="a@x.org", phone="1")
    return loser, store.import_contact("2", email="b@x.org", phone="2")


def duplicates(store: LeadStore) -> list[tuple[str, str, str]]:
    """Record, lead and double of each pair that people have to look at."""
    found = store.match_stub.ListDuplicates(match_pb.ListDuplicatesRequest(tenant_id=TENANT), timeout=60).duplicates
    return [(pair.record_id, pair.lead_id, pair.duplicate_lead_id) for pair in found]


def two_linked_leads(store: LeadStore) -> tuple[str, str]:
    """Two leads, linked to the records 1 and 2."""
    store.put_target()
    first = store.import_contact("1", email="a@x.org", phone="1")
    return first, store.import_contact("2", email="b@x.org", phone="2")
