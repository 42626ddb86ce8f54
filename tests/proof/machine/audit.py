"""What has to be true once the world has come to rest: the laws. Each exception is told where it is made."""

from collections.abc import Iterator

from proof.machine.audit_identity import identities
from proof.machine.audit_pairs import pairs
from proof.machine.audit_traces import bounded_writes, erased, isolated
from proof.machine.audit_work_items import acknowledged
from proof.machine.quiet import come_to_rest
from proof.machine.world import World


def findings(world: World) -> Iterator[str]:
    """Everything that breaks a law, one line each."""
    yield from pairs(world)
    yield from identities(world)
    yield from acknowledged(world)
    yield from bounded_writes(world)
    yield from isolated(world)
    yield from erased(world)
    yield from still(world)


def still(world: World) -> Iterator[str]:
    """L3, L4: without edits there are no writes, whatever is delivered again, swept again or looked at again."""
    if world.config.workflow and world.config.robot:  # two programs that never agree: the breaker bounds them
        return
    tenants = world.tenants
    before = [(world.hub.writes(tenant), _revisions(world)) for tenant in tenants]
    without_effect = world.hub.simulator.writes.without_effect
    world.deliver(world.hub.delivered[-100:])
    world.clock.advance(1.0)
    come_to_rest(world)
    if world.lost:  # not promised: a deletion whose event got lost is noticed only when something else has us look
        return
    for tenant, (writes, revisions) in zip(tenants, before, strict=True):
        if (now := world.hub.writes(tenant)) != writes:
            yield f"L3: {now - writes} writes to {tenant} without an edit"
        if _revisions(world) != revisions:
            yield "L4: a lead changed without an edit"
    if world.hub.simulator.writes.without_effect != without_effect:
        yield "L3: a write without an edit, though it changed nothing"


def _revisions(world: World) -> dict[str, str]:
    """The values of all leads."""
    leads = [lead for tenant in world.tenants for lead in world.leads(tenant, deleted=True)]
    return {lead.lead_id: repr(sorted(lead.values.items())) for lead in leads}
