"""L1, L2, L4, L7, L8: what both sides of each pair show, and where everything that was entered has gone."""

from collections.abc import Iterator

from hubspot_simulator.core.contact import Contact
from lead_store.domain.lead import Lead
from lead_store.domain.link import Link
from lead_store.domain.work_item import work_item_id
from proof.machine.config import PROPERTIES, Tenant
from proof.machine.ledger import Entry, same
from proof.machine.world import World


def pairs(world: World) -> Iterator[str]:
    """All pairs of all tenants, and all that was entered."""
    for tenant in world.tenants:
        for lead in world.leads(tenant):
            link = lead.link(tenant.integration_id)
            if link is not None and link.attached:
                yield from _linked(world, tenant, lead, link)
            else:
                yield from _alone(world, tenant, lead, link)
        yield from _records_alone(world, tenant)
    yield from _kept(world)


def _linked(world: World, tenant: Tenant, lead: Lead, link: Link) -> Iterator[str]:
    """A lead with a record: the record is there, and every field is equal or waits for a person."""
    store, who = world.hub.contacts(tenant), f"lead {lead.lead_id[-6:]} and record {link.record_id[-6:]}"
    failed = world.failed(work_item_id(tenant.integration_id, record_id=link.record_id))
    record = store.get(link.record_id)
    if store.is_merged_away(link.record_id) and record is not None and not record.archived:
        if not failed:
            yield f"L8: {who}: it was merged into {record.id}"
        return
    if record is None or record.archived:  # what a record was merged into cannot be seen while it lies in the archive
        # Not promised (docs/guarantees.md): a deletion whose event got lost is not noticed. A proven one may also wait
        # for a person (cap), or be none of our business by the integration's own policy.
        # Nor is one of what a record was merged into, if the event of the merge was lost.
        lost = link.record_id in world.lost or world.merge_lost(tenant.name, link.record_id)
        if not (lost or failed or world.config.deletions == "ignore"):
            yield f"L1: {who}: it is {'gone' if record is None else 'archived'}, and the link is still in use"
        return
    for name, prop in PROPERTIES.items():
        ours, theirs = lead.values.get(name, ""), record.values.get(prop, "")
        if excuse(world, link, name, ours, theirs):
            continue
        if not _equal(link, name, ours, theirs):
            if not failed:
                yield f"L1: {who}: {name} is {ours!r} here and {theirs!r} there"
        else:
            yield from _undone(world, lead, link, name, ours)


def excuse(world: World, link: Link, name: str, ours: str, theirs: str) -> str:
    """Why a field may differ: it waits for a person, the CRM refuses the value, or the breaker lets it rest."""
    if name in link.conflicts or name in link.overwritten:
        return "conflict"
    if name in link.refused and link.refused[name].value == ours:
        return "refused"
    if (oscillation := link.oscillations.get(name)) is not None and oscillation.is_paused(world.clock.now()):
        return "rests"
    # Directions: what may not flow stays as it is (R18).
    if world.config.direction != "bidirectional" and ours != theirs:
        return "direction"
    return ""


def _equal(link: Link, name: str, ours: str, theirs: str) -> bool:
    """The same value, or what both sides agreed on, as each spells it."""
    base = link.base.get(name)
    return same(name, ours, theirs) or (base is not None and (base.platform, base.crm) == (ours, theirs))


def _undone(world: World, lead: Lead, link: Link, name: str, value: str) -> Iterator[str]:
    """L4: what is shown was entered by somebody, and nobody has replaced it knowingly."""
    entries = [entry for entry in world.ledger.of_pair(lead, name) if same(name, entry.value, value)]
    if not value.strip():
        return
    if not entries and not world.program_sets(name, value):
        yield f"L4: lead {lead.lead_id[-6:]}: nobody entered {name}={value!r}"
    elif entries and all(entry.replaced and _counts(world, lead, link, entry) for entry in entries):
        yield f"L4: lead {lead.lead_id[-6:]}: both sides show what was replaced: {', '.join(map(str, entries))}"


def _counts(world: World, lead: Lead, link: Link, entry: Entry) -> bool:
    """Whether a value was replaced on this very pair. What was replaced on a record that has gone, went with it."""
    root = world.ledger.root(lead.tenant_id, link.record_id)
    return entry.replaced_on == lead.lead_id or world.ledger.root(lead.tenant_id, entry.replaced_on) == root


def _alone(world: World, tenant: Tenant, lead: Lead, link: Link | None) -> Iterator[str]:
    """A lead without a record: detached for a reason that is true, or its work has failed."""
    if link is not None and link.detached_reason:
        yield from _detached(world, tenant, lead, link)
        return
    work_item = world.work_item(work_item_id(tenant.integration_id, lead_id=lead.lead_id))
    if world.config.direction == "from_crm" or (work_item and work_item.get("failed_at")):
        return
    if world.suite.look.work_items.collection.find_one({"match_lead_id": lead.lead_id, "failed_at": {"$ne": None}}):
        return  # the record that it found waits for a person, and it waits with it
    if (
        work_item
        and work_item.get("reason") == "no_name"
        and not any(lead.values.get(n) for n in ("email", "first_name"))
    ):
        return
    yield f"L1: lead {lead.lead_id[-6:]} has no record: {link}, {work_item}"


def _detached(world: World, tenant: Tenant, lead: Lead, link: Link) -> Iterator[str]:
    """L7: nothing is unlinked that has not gone."""
    how = world.hub.gone.get((tenant.name, link.record_id), "")
    # A record that was archived and then erased, or merged after a restore, is remembered by its last end only.
    if not how and link.detached_reason in {"record_archived", "record_gone", "duplicate_lead"}:
        yield f"L7: lead {lead.lead_id[-6:]} was unlinked as {link.detached_reason}, but its record never went"
    record = world.hub.contacts(tenant).get(link.record_id)
    back = link.detached_reason != "duplicate_lead" and record is not None and not record.archived
    if back and not world.failed(work_item_id(tenant.integration_id, record_id=link.record_id)):
        yield f"L1: lead {lead.lead_id[-6:]} is unlinked as {link.detached_reason}, but its record is there"


def _records_alone(world: World, tenant: Tenant) -> Iterator[str]:
    """A record without a lead: its work item says why, and that is true."""
    if world.config.direction == "to_crm":
        return
    attached = {
        link.record_id for lead in world.leads(tenant) if (link := lead.link(tenant.integration_id)) and link.attached
    }
    for record in world.hub.contacts(tenant):
        if record.archived or str(record.id) in attached:
            continue
        work_item = world.work_item(work_item_id(tenant.integration_id, record_id=str(record.id)))
        if work_item is None:
            yield f"L1: nobody ever looked at record {str(record.id)[-6:]} of {tenant}"
        elif not work_item.get("failed_at") and (
            wrong := _why_alone(world, tenant, record, str(work_item.get("reason")))
        ):
            yield f"L1: record {str(record.id)[-6:]} has no lead: {wrong}"


def _why_alone(world: World, tenant: Tenant, record: Contact, reason: str) -> str:
    """What is wrong about a record that was skipped; empty if it was right."""
    ids = {str(record.id), *map(str, record.merged_ids)}
    if any(lead.deleted_at and ids & set(lead.record_ids) for lead in world.leads(tenant, deleted=True)):
        return ""  # a person has deleted its lead: the record is left alone
    match reason:
        case "originated_on_platform":
            marked = record.values.get("leadsync_lead_id", "")
            lead = next((one for one in world.leads(tenant) if one.lead_id == marked), None)
            if record.values.get("lead_source_system") != "jazzaam":
                return "it is not ours"
            link = lead.link(tenant.integration_id) if lead is not None else None
            free = lead is not None and (link is None or not link.attached)
            return f"its lead {marked[-6:]} is there and free: {link}" if free else ""
        case "no_name":
            named = any(record.values.get(name, "").strip() for name in ("email", "firstname", "lastname"))
            return "it has a name" if named else ""
        case "erased":
            return "" if world.ledger.forgotten(tenant, record) else "nobody of that name was erased"
    return f"its work item says {reason!r}"


def _kept(world: World) -> Iterator[str]:
    """L2: a value that nobody replaced is current somewhere, in the history, or in a conflict."""
    for tenant in world.tenants:
        shown = _everywhere(world, tenant)
        for entry in world.ledger.entries:
            if entry.tenant != tenant.name or entry.replaced or entry.cleared or not entry.value.strip():
                continue
            if entry.owner in world.ledger.forgotten_leads:  # entered while the erasure was under way
                continue
            if not any(same(entry.name, entry.value, value) for value in shown.get(entry.name, ())):
                yield f"L2: lost: {entry}"


def _everywhere(world: World, tenant: Tenant) -> dict[str, set[str]]:
    """Every value of a field that anything of a tenant shows or remembers."""
    shown: dict[str, set[str]] = {name: set() for name in PROPERTIES}
    for name, value in [*_in_the_crm(world, tenant), *_on_leads(world, tenant)]:
        shown[name].add(value)
    for document in world.suite.look.decisions.collection.find({"tenant_id": tenant.name}):
        for name, change in document["fields"].items():
            shown[name] |= {change[1], change[2]}
    return shown


def _in_the_crm(world: World, tenant: Tenant) -> Iterator[tuple[str, str]]:
    for record in world.hub.contacts(tenant):
        for name, prop in PROPERTIES.items():
            yield name, record.values.get(prop, "")
            # Not promised: a value that a write of ours replaced unseen is noticed at the next reading (R3). A record
            # that goes to the archive before is not read again; the CRM's own history has the value.
            for version in record.versions.get(prop, []) if record.archived else ():
                yield name, version.value
        for email in record.emails():
            yield "email", email


def _on_leads(world: World, tenant: Tenant) -> Iterator[tuple[str, str]]:
    for lead in world.leads(tenant, deleted=True):
        yield from lead.values.items()
        for link in lead.links:
            for name, conflict in link.conflicts.items():
                yield from ((name, conflict.ours), (name, conflict.theirs))
            for name, lost in link.overwritten.items():
                yield name, lost.value
