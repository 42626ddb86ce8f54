"""The world: product, CRM and people together, and everything that may happen in it as plain acts."""

import json
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from typing import Any

import grpc
from crm_connector.domain.errors import StoreUnavailableError
from crm_connector.mongo import indexes
from hubspot_simulator.core.contact import Contact
from lead_store.domain.lead import Lead
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.leads import lead_from
from leadsync.inbox.v1 import inbox_service_pb2 as inbox
from leadsync.lead.v1 import lead_pb2, lead_service_pb2
from leadsync.sync.v1 import conflict_service_pb2 as pb
from leadsync.sync.v1 import work_service_pb2 as work_pb
from proof.machine.config import TENANTS, Config, Tenant
from proof.machine.faults import Died
from proof.machine.hub import WORKFLOW_SETS
from proof.machine.ledger import Ledger
from proof.machine.suite import OWN_DATABASE, SETTINGS, Connector, Suite
from pymongo import MongoClient
from webhook_gateway.ingest.inbox import delivery_message
from webhook_gateway.ingest.intake import Delivery
from webhook_gateway.providers.hubspot.touches import parse


class World:
    """One history. `log` takes what the product logs."""

    def __init__(
        self, client: MongoClient[dict[str, Any]], config: Config, log: Sequence[MutableMapping[str, Any]] = ()
    ) -> None:
        self.tenants, self.log = TENANTS, log
        for name in (SETTINGS.database, OWN_DATABASE):
            for collection in client[name].list_collection_names():
                client[name][collection].delete_many({})
        self.suite = Suite(client, config)
        self.config, self.clock, self.hub, self.faults = config, self.suite.clock, self.suite.hub, self.suite.faults
        self.ledger = Ledger(self.hub, config, self._all_leads)
        self.hub.seen_edit = self._on_edit
        self.faults.act = lambda act: act.do(self)
        self._serial = 0
        self._running: list[Connector] = []
        self.lost: set[str] = set()  # records of which an event of deletion or erasure has got lost
        self.lost_merges: set[str] = set()  # and those into which others were merged, of which the event got lost

    # Looking

    def leads(self, tenant: Tenant, *, deleted: bool = False) -> list[Lead]:
        """A tenant's leads, oldest first."""
        found = self.suite.look.leads.collection.find({"tenant_id": tenant.name}).sort("_id", 1)
        return [lead for lead in map(lead_from, found) if deleted or lead.deleted_at is None]

    def _all_leads(self, tenant_id: str) -> list[Lead]:
        return [lead for tenant in TENANTS if tenant.name == tenant_id for lead in self.leads(tenant, deleted=True)]

    def lead(self, tenant: Tenant, which: int) -> Lead | None:
        """One of the live leads."""
        found = self.leads(tenant)
        return found[which % len(found)] if found else None

    def record(self, tenant: Tenant, which: int, *, archived: bool = False) -> Contact | None:
        """One of the contacts."""
        found = [contact for contact in self.hub.contacts(tenant) if contact.archived == archived]
        return found[which % len(found)] if found else None

    def linked(self, tenant: Tenant, record_id: str) -> list[Lead]:
        """Live leads whose link to this record is in use."""
        links = ((lead, lead.link(tenant.integration_id)) for lead in self.leads(tenant))
        return [lead for lead, link in links if link is not None and link.attached and link.record_id == record_id]

    def value(self, tenant: Tenant, name: str, number: int) -> str:
        """A value to enter; that of a company is like no other, so that it tells where it came from."""
        if name != "company":
            return tenant.values[name][number % len(tenant.values[name])]
        self._serial += 1
        return f"{tenant.name[-1]}-co-{self._serial:04}" if number else ""

    def work_item(self, work_item_id: str) -> dict[str, Any] | None:
        """A work item as it is stored."""
        return self.suite.look.work_items.collection.find_one({"_id": work_item_id})

    def failed(self, work_item_id: str) -> str:
        """Why a work item has failed; empty if it has not."""
        work_item = self.work_item(work_item_id) or {}
        return str(work_item.get("reason")) if work_item.get("failed_at") else ""

    def program_sets(self, name: str, value: str) -> bool:
        """Whether a program of this world sets this value."""
        return self.config.workflow and name == "first_name" and value == WORKFLOW_SETS

    def unforeseen(self) -> list[str]:
        """What the product itself calls an error that nobody foresaw."""
        return [str(entry) for entry in self.log if entry["log_level"] in {"error", "critical"} or "exc_info" in entry]

    def merge_lost(self, tenant_id: str, record_id: str) -> bool:
        """Whether the event of a merge got lost that made a record into what it lives on as."""
        root = self.ledger.root(tenant_id, record_id)
        return any(self.ledger.root(tenant_id, one) == root for one in self.lost_merges)

    # People on the platform

    def create_lead(self, tenant: Tenant, values: dict[str, str]) -> None:
        """A lead is made; who gets no answer asks again with the same request."""
        self._serial += 1
        request = lead_service_pb2.CreateLeadRequest(
            tenant_id=tenant.name, request_id=f"request-{self._serial}", lead=_message(values)
        )
        for _ in range(8):
            try:
                lead = self.suite.leads.CreateLead(request).lead
            except grpc.RpcError as error:
                if not away(error):
                    return
                continue
            for name, value in values.items():
                self.ledger.on_platform(tenant, None, lead.lead_id, name, value)
            self.ledger.may_write[tenant.name] -= len(values) - 1  # all of it goes in one write
            return
        raise AssertionError("lead-store never came back")

    def edit_lead(self, tenant: Tenant, before: Lead, name: str, value: str) -> None:
        """A field of a lead is set. Whether it was, without an answer, is looked up."""
        if before.values.get(name, "") == value:
            return
        request = lead_service_pb2.UpdateLeadRequest(
            tenant_id=tenant.name, lead_id=before.lead_id, lead=_message({name: value})
        )
        request.update_mask.paths.append(name)
        with suppress(grpc.RpcError):
            self.suite.leads.UpdateLead(request)
        now = self.suite.look.leads.get(tenant.name, before.lead_id)
        if now is not None and now.revision > before.revision and now.values.get(name, "") == value:
            self.ledger.on_platform(tenant, before, before.lead_id, name, value)

    def delete_lead(self, tenant: Tenant, lead: Lead) -> None:
        """A lead is deleted."""
        with suppress(grpc.RpcError):
            request = lead_service_pb2.DeleteLeadRequest(tenant_id=tenant.name, lead_id=lead.lead_id)
            self.suite.leads.DeleteLead(request)
        now = self.suite.look.leads.get(tenant.name, lead.lead_id)
        if now is not None and now.deleted_at is not None:
            self.ledger.deleted.add(lead.lead_id)

    def push(self, tenant: Tenant, lead: Lead) -> None:
        """A person asks to have a lead in the CRM, again if need be."""
        request = work_pb.RequestSyncRequest(
            tenant_id=tenant.name, integration_id=tenant.integration_id, lead_ids=[lead.lead_id]
        )
        with suppress(grpc.RpcError):
            self.suite.work.RequestSync(request)
        self.ledger.pushed[lead.lead_id] += 1
        self.ledger.may_write[tenant.name] += 1

    def redrive(self, tenant: Tenant) -> None:
        """A person has failed work tried again."""
        request = work_pb.RequestSyncRequest(tenant_id=tenant.name, integration_id=tenant.integration_id, failed=True)
        with suppress(grpc.RpcError):
            self.suite.work.RequestSync(request)

    def resolve(self, tenant: Tenant, which: int, *, ours: bool) -> None:
        """A person settles one of the open conflicts."""
        found: list[pb.Conflict] = []
        with suppress(grpc.RpcError):
            found += self.suite.conflicts.ListConflicts(pb.ListConflictsRequest(tenant_id=tenant.name)).conflicts
        if not found:
            return
        conflict = found[which % len(found)]
        lead = self.suite.look.leads.get(tenant.name, conflict.lead_id)
        request = pb.ResolveConflictRequest(
            tenant_id=tenant.name,
            lead_id=conflict.lead_id,
            integration_id=conflict.integration_id,
            field=conflict.field,
            etag=conflict.etag,
            take=pb.SIDE_PLATFORM if ours else pb.SIDE_CRM,
        )
        with suppress(grpc.RpcError):
            self.suite.conflicts.ResolveConflict(request)
            assert lead is not None
            choice = conflict.ours if ours else conflict.theirs
            self.ledger.resolved(tenant, lead, conflict.field, choice, (conflict.ours, conflict.theirs))

    # The CRM's side beyond edits, which `Hub` tells of

    def merge(self, tenant: Tenant, primary: Contact, other: Contact) -> None:
        """A person merges two contacts."""
        if primary.id == other.id:
            return
        lost = (str(primary.id), str(other.id))
        leads = [lead for record in lost for lead in self.linked(tenant, record)]
        survivor = self.hub.merge(tenant, primary, other)
        self.ledger.merge(tenant, lost, survivor, leads)

    def erase(self, tenant: Tenant, contact: Contact) -> None:
        """A person has a contact forgotten."""
        leads = self.leads(tenant, deleted=True)
        known = [lead for lead in leads if _has(lead, tenant, {str(contact.id)})]
        merged = [lead for lead in leads if _has(lead, tenant, set(map(str, contact.merged_ids)))]
        self.ledger.erase(tenant, contact, known, merged)
        self.hub.erase(tenant, contact)

    def _on_edit(self, tenant: Tenant, contact: Contact, prop: str, value: str) -> None:
        lead = next(iter(self.linked(tenant, str(contact.id))), None)
        self.ledger.on_record(tenant, contact, lead, prop, value)

    # Events

    def deliver(self, events: Sequence[dict[str, Any]]) -> None:
        """The gateway takes a webhook request and has it kept; one that is not kept comes again."""
        if not events:
            return
        body = json.dumps(list(events)).encode()
        for parsed in parse(body, frozenset()):
            delivery = Delivery("hubspot", parsed, {}, int(self.clock.time() * 1000))
            request = inbox.RecordDeliveriesRequest(deliveries=[delivery_message(delivery)])
            for _ in range(8):
                try:
                    self.suite.inbox.RecordDeliveries(request)
                    break
                except grpc.RpcError as error:
                    if not away(error):
                        raise
            else:
                raise AssertionError("lead-store never came back")

    def lose(self, events: Sequence[dict[str, Any]]) -> None:
        """These never arrive."""
        for event in events:
            if event["subscriptionType"].rpartition(".")[2] in {"deletion", "privacyDeletion"}:
                self.lost.add(str(event["objectId"]))
            if event["subscriptionType"].endswith(".merge"):
                self.lost_merges.add(str(event.get("newObjectId") or event["primaryObjectId"]))

    # Processes

    def worker(self, which: int) -> Connector:
        """One of the connector processes that are up."""
        return self.suite.workers[which % len(self.suite.workers)]

    def run(self, worker: Connector, what: Any) -> int:
        """Let a process do something, unless it is at it; one that dies of it is replaced by a new one."""
        if worker in self._running:
            return 0
        self._running.append(worker)
        try:
            return int(what() or 0)
        except Died as gone:
            if gone.process is not worker.process:
                raise
            self.suite.workers[self.suite.workers.index(worker)] = self.suite.start()
            return 1
        except StoreUnavailableError:
            return 0
        finally:
            self._running.remove(worker)


def _has(lead: Lead, tenant: Tenant, records: set[str]) -> bool:
    link = lead.link(tenant.integration_id)
    return link is not None and link.record_id in records


def away(error: grpc.RpcError) -> bool:
    """Whether the same call may be tried again."""
    assert isinstance(error, grpc.Call)
    return error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


def make_indexes(client: MongoClient[dict[str, Any]]) -> None:
    """Make the indexes of both databases, as the processes do at their start."""
    ensure_indexes(client[SETTINGS.database])
    indexes.ensure(client[OWN_DATABASE])


def _message(values: dict[str, str]) -> lead_pb2.Lead:
    """A lead with these standard fields."""
    lead = lead_pb2.Lead()
    for name, value in values.items():
        setattr(lead, name, value)
    return lead


def drop_databases(client: MongoClient[dict[str, Any]]) -> None:
    """Remove both databases."""
    for name in (SETTINGS.database, OWN_DATABASE):
        client.drop_database(name)
