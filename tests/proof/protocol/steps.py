"""What the system does by itself: workers step on, writes land, leases end, events arrive, the sweep looks."""

from collections.abc import Iterator
from dataclasses import replace

from lead_store.domain.decision import Case, Outcome
from lead_store.domain.lead import Lead
from lead_store.domain.observation import Observation
from lead_store.domain.reconcile import reconcile
from lead_store.domain.rules import Reading, Target
from lead_store.domain.settlement import Done, SettleCase, Stale, WriteResult, settle_write
from proof.protocol.edits import decided, edits_of
from proof.protocol.record import is_stale, land, reading
from proof.protocol.storage import commit, end_lease, lease, swept, touch_record
from proof.protocol.world import (
    CRMS,
    LEASED,
    NOW,
    OF_LEAD,
    Setup,
    Worker,
    World,
    at,
    holds,
    record_of,
    with_crm,
    with_worker,
)

Step = tuple[str, World]


def progress(setup: Setup, targets: tuple[Target, ...], w: World) -> Iterator[Step]:
    """All steps that may come next."""
    idle = next((n for n, worker in enumerate(w.workers) if worker is None), None)  # the workers are alike
    for n, worker in enumerate(w.workers):
        if worker is not None:
            yield _step(setup, targets, w, n, worker)
    for number, crm in enumerate(w.crms):
        for work_item in crm.work_items if idle is not None else ():
            if idle is not None and work_item is not None and work_item.due_at is not None and not work_item.worker:
                yield f"worker {idle} leases {work_item.work_item_id}", lease(setup, w, idle, number, work_item)
        yield from _surroundings(setup, w, number)


def _surroundings(setup: Setup, w: World, number: int) -> Iterator[Step]:
    crm = w.crms[number]
    for n, flight in enumerate(crm.flying):
        rest = with_crm(w, number, crm._replace(flying=crm.flying[:n] + crm.flying[n + 1 :]))
        if not is_stale(setup, crm, flight.write):
            yield "a dead worker's write lands", land(setup, rest, number, flight.write, flight.edits, flight.replaces)
        yield "a dead worker's write never lands", rest
    for place, work_item in enumerate(crm.work_items):
        late = any(flight.place == place for flight in crm.flying) and not setup.without.lag
        if work_item and work_item.worker == "dead" and not late:
            yield f"the lease of {work_item.work_item_id} ends", end_lease(w, number, work_item)
    if crm.event:
        yield (
            f"an event of CRM {CRMS[number]} arrives",
            touch_record(with_crm(w, number, crm._replace(event=False)), number),
        )
    if not crm.second_over:
        yield f"a second passes in CRM {CRMS[number]}", with_crm(w, number, crm._replace(second_over=True))
    if swept(w, number) and not crm.event and not setup.without.sweep:
        yield f"the sweep of CRM {CRMS[number]} touches the record", touch_record(w, number)


def _step(setup: Setup, targets: tuple[Target, ...], w: World, n: int, worker: Worker) -> Step:
    crm = w.crms[worker.crm]
    match worker.step:
        case "read":
            blind = worker.place == OF_LEAD and setup.without.read_first
            newest = len(crm.versions) - 1 if crm.versions and not blind else None
            return f"worker {n} reads {shown(w, worker, newest)}", saw(setup, w, n, worker, newest)
        case "decide":
            return f"worker {n} decides", _decide(setup, targets, w, n, worker)
        case "send":
            if not holds(crm.work_items[worker.place], worker, n) and not setup.without.lag:
                return f"worker {n} gives up: its lease is over", with_worker(w, n, None)  # R4
            return f"worker {n} sends", with_worker(w, n, worker._replace(step="flying"))
        case "flying":
            assert worker.write is not None
            if is_stale(setup, crm, worker.write):
                stale = worker._replace(step="settle" if setup.without.stale else "stale")
                return f"worker {n}'s write is stale: the record is newer", with_worker(w, n, stale)
            after = land(setup, w, worker.crm, worker.write, worker.edits, worker.replaces)
            done = worker._replace(step="settle", seen=len(after.crms[worker.crm].versions) - 1)
            return f"worker {n}'s write lands", with_worker(after, n, done)
        case _:
            return f"worker {n} settles", _settle(setup, targets, w, n, worker)


def saw(setup: Setup, w: World, n: int, worker: Worker, version: int | None) -> World:
    """The n-th worker has read a version, or that the record is not there."""
    snapshot = w.lead if setup.without.revision else None
    return with_worker(w, n, worker._replace(step="decide", seen=version, snapshot=snapshot))


def shown(w: World, worker: Worker, version: int | None) -> str:
    """A version of the record that a worker reads, for people."""
    return (
        "nothing"
        if version is None
        else f"{list(w.crms[worker.crm].versions[version].values)} of CRM {CRMS[worker.crm]}"
    )


def _decide(setup: Setup, targets: tuple[Target, ...], w: World, n: int, worker: Worker) -> World:
    work_item = w.crms[worker.crm].work_items[worker.place]
    idle = with_worker(w, n, None)
    if work_item is None or not (holds(work_item, worker, n) or setup.without.fence):
        return idle
    work_item = work_item if work_item.lease_until == LEASED else replace(work_item, lease_until=LEASED)
    lead = _forgetful(setup, worker.snapshot or w.lead, CRMS[worker.crm])
    target = targets[worker.crm]
    case = Case(
        work_item=work_item,
        observation=Observation(work_item.work_item_id, work_item.fence, reading(setup, w, worker)),
        target=target,
        now=NOW,
        platform="jazzaam",
        new_lead_id="second lead",
        new_write_id=f"w{work_item.work_item_id}{work_item.fence}",
        lead=lead if work_item.lead_id else None,
        marked=lead,
        finder=lead if work_item.notes.match_lead_id else None,
        other_targets=() if setup.without.others else tuple(other for other in targets if other is not target),
    )
    decision = reconcile(case)
    if decision.outcome is Outcome.CREATED:
        return w._replace(broken="L6: a second lead")
    if decision.outcome is Outcome.NEEDS_HISTORY:
        return with_worker(w, n, worker._replace(step="read", history=True, seen=None, snapshot=None))
    if decision.notes and worker.seen is not None and setup.without.unread:
        decision.notes = replace(decision.notes, read_at=at(w.crms[worker.crm].versions[worker.seen].second))
    after = decided(setup, commit(setup, idle, worker.crm, work_item, decision), worker, w.lead, decision)
    crm = after.crms[worker.crm]
    if work_item.record_id and worker.seen is not None and decision.outcome is not Outcome.RELEASED:
        after = with_crm(after, worker.crm, crm._replace(read=max(crm.read, worker.seen)))
    if decision.write is None:
        return after
    ours = edits_of(setup, after.here, decision.write.values)
    read = crm.versions[worker.seen].edits if worker.seen is not None else 0
    sender = worker._replace(step="send", write=decision.write, snapshot=None)
    theirs = edits_of(setup, read, decision.write.values)
    return with_worker(after, n, sender._replace(edits=ours, replaces=theirs))


def _settle(setup: Setup, targets: tuple[Target, ...], w: World, n: int, worker: Worker) -> World:
    crm, target = w.crms[worker.crm], targets[worker.crm]
    work_item = crm.work_items[worker.place]
    idle = with_worker(w, n, None)
    if work_item is None or worker.write is None or worker.seen is None:
        return idle
    if not (holds(work_item, worker, n) or setup.without.fence):
        return idle
    version = crm.versions[worker.seen]
    values = dict(zip(setup.names, version.values, strict=True))
    answer = {name: Reading(values[name], values[name]) for name in worker.write.values if name in values}
    done = Done(record_of(CRMS[worker.crm]), at(version.second), answer)
    outcome = Stale() if worker.step == "stale" else done
    result = WriteResult(work_item.work_item_id, work_item.fence, worker.write.write_id, outcome)
    decision = settle_write(SettleCase(work_item, result, target, NOW, w.lead))
    return commit(setup, idle, worker.crm, work_item, decision) if decision is not None else idle


def _forgetful(setup: Setup, lead: Lead, crm: str) -> Lead:
    link = lead.link(crm)
    if link is None or not (setup.without.base or setup.without.seen):
        return lead
    if setup.without.base:
        link = replace(link, base={})
    if setup.without.seen:
        link = replace(link, seen=None)
    return lead.with_link(link)
