"""L6, L8: one lead and one record for each person, whatever crashed."""

from collections import Counter
from collections.abc import Iterator

from proof.machine.config import Tenant
from proof.machine.ledger import normal
from proof.machine.world import World


def identities(world: World) -> Iterator[str]:
    """Nothing was made twice, and nothing belongs to two."""
    for tenant in world.tenants:
        yield from _one_lead_per_record(world, tenant)
        yield from _one_record_per_lead(world, tenant)
        yield from _imported_once(world, tenant)
        yield from _matched_first(world, tenant)


def _one_lead_per_record(world: World, tenant: Tenant) -> Iterator[str]:
    links = [lead.link(tenant.integration_id) for lead in world.leads(tenant)]
    owners = Counter(link.record_id for link in links if link is not None and link.attached)
    yield from (f"L6: record {record[-6:]} has {count} leads" for record, count in owners.items() if count > 1)


def _one_record_per_lead(world: World, tenant: Tenant) -> Iterator[str]:
    """We make one record per lead, and another one only where people took it away or asked for one."""
    marks = Counter(c.values.get("leadsync_lead_id") for c in world.hub.contacts(tenant) if not c.archived)
    yield from (f"L6: {count} records carry the mark {mark}" for mark, count in marks.items() if mark and count > 1)
    for lead_id, made in world.hub.made.items():
        allowed = 1 + world.ledger.pushed[lead_id] + world.hub.undone[lead_id]
        if len(made) > allowed:
            yield f"L6: lead {lead_id[-6:]} was made {len(made)} times in the CRM"


def _imported_once(world: World, tenant: Tenant) -> Iterator[str]:
    query = {"tenant_id": tenant.name, "outcome": "created", "integration_id": tenant.integration_id}
    imports = Counter(document["record_id"] for document in world.suite.look.decisions.collection.find(query))
    yield from (
        f"L6: record {record[-6:]} was imported {count} times" for record, count in imports.items() if count > 1
    )


def _matched_first(world: World, tenant: Tenant) -> Iterator[str]:
    """No lead is imported while one with the same e-mail waits for its record."""
    leads = world.leads(tenant)
    for lead in leads:
        key = normal("email", lead.values.get("email", ""))
        if lead.metadata.source_system != "hubspot" or not key or lead.changed["email"].at > lead.created_at:
            continue
        for other in leads:
            link = other.link(tenant.integration_id)
            known = link is not None and (link.record_id or link.former_record_ids or link.pending)
            twin = normal("email", other.values.get("email", "")) == key and other.lead_id < lead.lead_id
            if twin and not known and other.changed["email"].at < lead.created_at:
                yield f"L6: lead {lead.lead_id[-6:]} was imported beside {other.lead_id[-6:]} of the same e-mail"
