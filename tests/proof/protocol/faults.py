"""What people do and what goes wrong, as far as the budget lets it."""

from collections.abc import Iterator
from dataclasses import replace

from lead_store.domain.conflict import open_conflicts, resolve
from lead_store.domain.rules import Target
from lead_store.domain.work_item import touches_of
from proof.protocol.edits import made
from proof.protocol.record import edited, old_readings
from proof.protocol.steps import Step, saw, shown
from proof.protocol.storage import end_lease, touch_record, touched
from proof.protocol.world import (
    CRMS,
    NOW,
    Flight,
    Setup,
    Worker,
    World,
    field_bits,
    holds,
    with_crm,
    with_work_item,
    with_worker,
)


def faults(setup: Setup, targets: tuple[Target, ...], w: World) -> Iterator[Step]:
    """Everything that may come in between."""
    if w.budget.edits:
        # Fields are alike, so the first edit is to the first one.
        for place, name in enumerate(setup.names if len(w.made) > 1 else setup.names[:1]):
            yield from _edits(setup, targets, w, place, name)
    if w.budget.choose:
        yield from _choices(setup, targets, w)
    if w.budget.lose:
        yield from _events(w)
    for n, worker in enumerate(w.workers):
        if worker is not None:
            yield from _misfortunes(setup, w, n, worker)


def _edits(setup: Setup, targets: tuple[Target, ...], w: World, place: int, name: str) -> Iterator[Step]:
    # Values are alike too but for a blank, so a new one is always the next one.
    values = [value for n, value in enumerate(setup.values) if not value or n <= w.used[place]]
    old = w.lead.values.get(name, "")
    for value in values:
        if value != old:
            yield f"a person sets {name}={value} here", _edit_here(setup, targets, w, place, value, w.here)
    for number, crm in enumerate(w.crms):
        for value in values if crm.versions else ():
            if value != crm.versions[-1].values[place]:
                after, edit = made(setup, w, place, value, crm.versions[-1].edits)
                after = with_crm(after, number, edited(crm, setup, place, value, edit))
                yield f"a person sets {name}={value} in CRM {CRMS[number]}", _owed(after, but=number)


def _edit_here(setup: Setup, targets: tuple[Target, ...], w: World, place: int, value: str, replaced: int) -> World:
    after, edit = made(setup, w, place, value, replaced)
    # between the newest version and the next one, should change times be compared
    moment = NOW.replace(microsecond=500_000, second=max(0, *(len(crm.versions) - 1 for crm in w.crms), 0))
    lead = w.lead.with_values({setup.names[place]: value}, moment, "platform")
    lead = replace(lead, revision=lead.revision + 1)
    after = _owed(after._replace(lead=lead, here=w.here & ~field_bits(setup, place) | edit))
    for touch in touches_of(lead, targets):
        after = touched(after, touch)
    return after


def _owed(w: World, but: int | None = None) -> World:
    """Each edit lets every other side be written once."""
    return w._replace(crms=tuple(crm if n == but else crm._replace(owed=crm.owed + 1) for n, crm in enumerate(w.crms)))


def _choices(setup: Setup, targets: tuple[Target, ...], w: World) -> Iterator[Step]:
    for waits in open_conflicts(w.lead):
        number, place = CRMS.index(waits.integration_id), setup.names.index(waits.field)
        crm = w.crms[number]
        theirs = crm.versions[crm.read].edits
        for value in (waits.ours, waits.theirs):
            lead = resolve(w.lead, waits, value, NOW, "platform")
            free = w._replace(lead=lead, budget=w.budget.spend("choose")._replace(edits=w.budget.edits + 1))
            after = _edit_here(setup, targets, free, place, value, w.here | theirs)
            yield f"a person chooses {waits.field}={value} for CRM {waits.integration_id}", after


def _events(w: World) -> Iterator[Step]:
    less = w._replace(budget=w.budget.spend("lose"))
    for number, crm in enumerate(w.crms):
        if crm.event:
            yield f"an event of CRM {CRMS[number]} is lost", with_crm(less, number, crm._replace(event=False))
        if crm.versions:
            yield f"an event of CRM {CRMS[number]} comes twice", touch_record(less, number)


def _misfortunes(setup: Setup, w: World, n: int, worker: Worker) -> Iterator[Step]:
    work_item = w.crms[worker.crm].work_items[worker.place]
    if w.budget.crash:
        less = w._replace(budget=w.budget.spend("crash"))
        yield f"worker {n} crashes", _crash(less, n, worker)
        if work_item and holds(work_item, worker, n) and (worker.step != "flying" or setup.without.lag):
            yield f"worker {n} stalls until its lease is over", end_lease(less, worker.crm, work_item)
    if w.budget.stale and worker.step == "read" and w.crms[worker.crm].versions:
        less = w._replace(budget=w.budget.spend("stale"))
        for version in old_readings(setup, w, worker):
            yield f"worker {n} reads, late, {shown(w, worker, version)}", saw(setup, less, n, worker, version)


def _crash(w: World, n: int, worker: Worker) -> World:
    after = with_worker(w, n, None)
    crm = after.crms[worker.crm]
    if worker.step == "flying" and worker.write is not None:
        flight = Flight(worker.place, worker.write, worker.edits, worker.replaces)
        after = with_crm(after, worker.crm, crm._replace(flying=(*crm.flying, flight)))
    work_item = crm.work_items[worker.place]
    return (
        with_work_item(after, worker.crm, replace(work_item, worker="dead"))
        if work_item and holds(work_item, worker, n)
        else after
    )
