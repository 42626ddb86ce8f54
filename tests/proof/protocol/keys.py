"""Which states are the same.

Two states that differ only in names are one: which worker is which, which CRM is which, and how edits are numbered.
Numbers that only grow, such as fences and ids of writes, count by what they are compared with.
"""

from collections.abc import Callable
from functools import partial

from lead_store.domain.lead import Lead
from lead_store.domain.link import Link, Pending
from lead_store.domain.rules import MergeRule
from lead_store.domain.work_item import WorkItem
from proof.protocol.world import CRMS, LEASED, Crm, Setup, Worker, World, holds

Key = tuple[int, ...]
MOST_SEEN = 100_000


class Numbers:
    """Small numbers for the parts of states, so that a known state takes little memory and none is mistaken."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.by_newest = setup.rule is MergeRule.NEWEST
        self.of: dict[object, int] = {}
        self.edits: dict[tuple[object, ...], int] = {}
        # By the ids of objects, and with these, so that their ids stay theirs.
        self.leads: dict[int, tuple[object, tuple[Link | None, ...], Lead]] = {}
        self.seen: dict[tuple[int, ...], tuple[int, object]] = {}

    def state(self, w: World) -> Key:
        """The key of a state. Equal states have equal keys."""
        values, links, _ = self.leads.get(id(w.lead)) or self._lead(w)
        sides = [self._same(_side, crm, link) for crm, link in zip(w.crms, links, strict=True)]
        order = sorted(range(len(sides)), key=sides.__getitem__)
        workers = []
        for n, worker in enumerate(w.workers):
            if worker is not None:
                at_work = self._same(_workers[n], worker, w.crms[worker.crm], links[worker.crm])
                workers.append((order.index(worker.crm), at_work, worker.edits, worker.replaces))
        workers.sort()
        masks = [w.here, w.kept]
        for n in order:
            masks += [version.edits for version in w.crms[n].versions]
            for flight in w.crms[n].flying:
                masks += (flight.edits, flight.replaces)
        for _, _, edits, replaces in workers:
            masks += (edits, replaces)
        return (
            self._number((values, w.used, w.broken)),
            self._number(w.budget),
            self._number(tuple([worker[:2] for worker in workers])),
            self._edits(w, masks),
            *[sides[n] for n in order],
        )

    def _number(self, part: object) -> int:
        return self.of.setdefault(part, len(self.of))

    def _lead(self, w: World) -> tuple[object, tuple[Link | None, ...], Lead]:
        """What tells leads apart but for their links, and these."""
        if len(self.leads) > MOST_SEEN:
            self.leads.clear()
        changed = tuple((name, change.at) for name, change in w.lead.changed.items()) if self.by_newest else ()
        links = tuple(w.lead.link(name) for name in CRMS[: len(w.crms)])
        found = self.leads[id(w.lead)] = (tuple(sorted(w.lead.values.items())), changed), links, w.lead
        return found

    def _same(self, describe: Callable[..., object], *parts: object) -> int:
        """The number of what `describe` says of some objects; it is asked once about the same objects."""
        ids = (id(describe), *map(id, parts))
        if (known := self.seen.get(ids)) is not None:
            return known[0]
        if len(self.seen) > MOST_SEEN:
            self.seen.clear()
        number = self._number(describe(*parts))
        self.seen[ids] = number, parts
        return number

    def _edits(self, w: World, masks: list[int]) -> int:
        """Each live edit by its field, its value and the places that it is in."""
        key = (w.live, w.made, *masks)
        known = self.edits.get(key)
        if known is None:
            found = []
            for bit in range(w.live.bit_length()):
                if w.live >> bit & 1:
                    places = sum((mask >> bit & 1) << n for n, mask in enumerate(masks))
                    found.append((bit % self.setup.fields, w.made[bit // self.setup.fields], places))
            known = self.edits[key] = self._number(tuple(sorted(found)))
        return known


def _side(crm: Crm, link: Link | None) -> object:
    pending = link.pending if link else None
    return (
        link and _link(link, crm),
        tuple((*version[:4], pending is not None and version.stamp == pending.write_id) for version in crm.versions),
        tuple(work_item and _work_item(work_item, crm) for work_item in crm.work_items),
        crm.kind,
        crm.event,
        crm.second_over,
        tuple((flight.place, _pending(flight.write, crm), _is(flight.write, pending)) for flight in crm.flying),
        crm.read,
        crm.owed,
    )


def _link(link: Link, crm: Crm) -> object:
    return (
        link.record_id != "",
        tuple(sorted((name, base.platform, base.crm) for name, base in link.base.items())),
        link.seen,
        tuple(sorted((name, waits.ours, waits.theirs, waits.unproven) for name, waits in link.conflicts.items())),
        tuple(sorted((name, lost.value) for name, lost in link.overwritten.items())),
        link.last_write and (link.last_write.basis, link.last_write.fields),
        link.pending and _pending(link.pending, crm),
    )


def _work_item(work_item: WorkItem, crm: Crm) -> object:
    held = work_item.worker not in {"", "dead"}
    return (
        work_item.lead_id != "",
        work_item.due_at is not None,
        "held" if held else work_item.worker,
        held and work_item.version > work_item.claimed_version,
        work_item.notes.match_lead_id,
        work_item.notes.read_at,
        held and crm.kind.unread_within and work_item.claimed_at,
    )


def _worker(n: int, worker: Worker, crm: Crm, link: Link | None) -> object:
    pending = link.pending if link else None
    return (
        worker.place,
        holds(crm.work_items[worker.place], worker, n),
        worker.step,
        worker.history,
        worker.seen,
        worker.write and _pending(worker.write, crm),
        _is(worker.write, pending),
        worker.snapshot and tuple(sorted(worker.snapshot.values.items())),
    )


def _is(write: Pending | None, pending: Pending | None) -> bool:
    return write is not None and pending is not None and write.write_id == pending.write_id


def _pending(pending: Pending, crm: Crm) -> object:
    place = next(
        (
            n
            for n, work_item in enumerate(crm.work_items)
            if work_item and work_item.work_item_id == pending.work_item_id
        ),
        None,
    )
    work_item = crm.work_items[place] if place is not None else None
    return (
        pending.kind,
        place,
        work_item is not None and work_item.fence == pending.fence,
        pending.until == LEASED,
        tuple(sorted(pending.values.items())),
        pending.basis,
    )


_workers = [partial(_worker, n) for n in range(2)]
