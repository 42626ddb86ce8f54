"""An explicit-state model of the sync protocol around the real decisions: one lead, one record, two workers.

The world is ours to interleave: edits by people on both sides, touches that are lost or repeated, stale readings,
workers that crash or outlive their lease at every step, writes that land after their sender died. Every decision in it
is taken by `lead_store.domain`: `reconcile` and `settle_write`, on real leads, links and lanes. Storage is modelled: a
commit is atomic, guarded by fence and revision. `Without` takes one safeguard away, and the search then finds the
shortest history that breaks a law.

Each edit of a person is a value of its own, so that a value tells which edit it stems from. Laws, once nothing is left
to do: L1 both sides are equal or in an open conflict; L2 every edit is current, was replaced by a later edit of a
person who saw it, or is kept in a decision or a conflict; L3 effective writes to the CRM are no more than edits on the
platform; L4 no side shows a value that a person has replaced; L6 there is one record.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lead_store.domain.lane import Lane, LaneTouch, Notes
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.link import Link, Pending, WriteKind
from lead_store.domain.merge import Base
from lead_store.domain.observation import Absent, Observation, Present
from lead_store.domain.reconcile import reconcile
from lead_store.domain.rules import Direction, FieldRule, MergeRule, Reading, Target, Version
from lead_store.domain.settlement import Done, SettleCase, WriteResult, settle_write
from lead_store.domain.verdict import Case, LaneEnd, Outcome, Verdict

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)  # the database's clock stands still; leases end by an event of their own
LEASED, LONG_AGO = NOW + timedelta(seconds=60), NOW - timedelta(hours=1)
FIELDS = ("last_name", "company")


@dataclass(frozen=True)
class Without:
    """The safeguards; take one away by naming it."""

    base: bool = False  # forget what both sides agreed on
    pending: bool = False  # forget what was handed out
    fence: bool = False  # let a worker commit whose lease is over
    revision: bool = False  # commit a decision on a lead that has changed since it was read
    sweep: bool = False  # never look where no event came from
    seen: bool = False  # take readings older than what was seen (R1)
    lag: bool = False  # judge a left-over write before it must have landed (R2)
    read_first: bool = False  # create without looking for the mark (R6)
    upsert: bool = False  # create without the unique mark


@dataclass(frozen=True)
class Budget:
    """What may still happen."""

    platform: int = 0
    crm: int = 0
    crash: int = 0
    stale: int = 0
    lose: int = 0

    def spend(self, what: str) -> "Budget":
        """One less."""
        return replace(self, **{what: getattr(self, what) - 1})


@dataclass(frozen=True)
class Worker:
    """A worker at a step: `read`, `decide`, `send`, `flying`, `settle`. `seen` is a version's number, or None."""

    lane: str
    fence: int
    step: str
    seen: int | None = None
    write: Pending | None = None
    snapshot: Lead | None = None


@dataclass(frozen=True)
class World:
    """One state."""

    lead: Lead
    versions: tuple[tuple[tuple[str, ...], bool, frozenset[str]], ...]  # values, ours, fields changed
    lanes: tuple[Lane | None, Lane | None]  # the lead's, the record's
    workers: tuple[Worker | None, Worker | None]
    event: bool  # an event is under way
    flying: tuple[tuple[str, int, Pending], ...]  # writes whose sender is gone
    read: int  # newest version of a full reading
    budget: Budget
    edits: int = 0
    writes: int = 0
    replaced: frozenset[str] = frozenset()  # values that a person saw and replaced
    kept: frozenset[str] = frozenset()  # values in decisions and conflicts
    broken: str = ""


@dataclass
class Model:
    """The rules of the world."""

    without: Without = field(default_factory=Without)
    fields: int = 1
    linked: bool = True
    rule: MergeRule = MergeRule.ASK

    def __post_init__(self) -> None:
        self.names = FIELDS[: self.fields]
        rules = dict.fromkeys(self.names, FieldRule(self.rule))
        self.target = Target("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL, rules, "m")

    # the beginning

    def start(self, budget: Budget) -> World:
        """A linked pair at rest, or a new lead that has no record yet."""
        values = dict.fromkeys(self.names, "0")
        lead = replace(empty_lead("lead", "t", "jazzaam", NOW).with_values(values, NOW, "platform"), revision=1)
        if not self.linked:
            lane = Lane("i/lead/lead", "t", "i", lead_id="lead", due_at=LONG_AGO, lease_until=LONG_AGO)
            return World(lead, (), (lane, None), (None, None), False, (), -1, budget, edits=1)
        base = {name: Base("0", "0") for name in self.names}
        lead = lead.with_link(Link("i", "hubspot", record_id="r", base=base, mapping="m", seen=_at(0)))
        lane = Lane("i/record/r", "t", "i", record_id="r", lead_id="lead", lease_until=LONG_AGO)
        first = (("0",) * self.fields, False, frozenset(self.names))
        return World(lead, (first,), (None, lane), (None, None), False, (), 0, budget)

    # everything that can happen

    def progress(self, w: World) -> Iterator[tuple[str, World]]:
        """Steps that the system takes by itself."""
        for n, worker in enumerate(w.workers):
            if worker is None:
                if n == 0 or w.workers[0] is not None:  # the workers are alike
                    yield from self._lease(w, n)
                continue
            yield from self._step(w, n, worker)
        for n, (_, _, write) in enumerate(w.flying):
            rest = replace(w, flying=w.flying[:n] + w.flying[n + 1 :])
            yield "a dead worker's write lands", self._land(rest, write)
            yield "a dead worker's write never lands", rest
        for lane in w.lanes:
            if lane and lane.worker == "dead":
                late = any(flown == lane.lane_id for flown, _, _ in w.flying) and not self.without.lag
                if not late:
                    yield f"the lease of {lane.lane_id} ends", self._end_lease(w, lane)
        if w.event:
            yield "an event arrives", self._touch(replace(w, event=False), LaneTouch("t", "i", record_id="r"))
        record = w.lanes[1]
        idle = record is None or (record.due_at is None and not record.worker)
        if w.versions and len(w.versions) - 1 > w.read and not w.event and idle and not self.without.sweep:
            yield "the sweep touches the record", self._touch(w, LaneTouch("t", "i", record_id="r"))

    def faults(self, w: World) -> Iterator[tuple[str, World]]:
        """What people do and what goes wrong, as far as the budget lets it."""
        yield from self._people(w)
        budget = w.budget
        if budget.lose and w.event:
            yield "an event is lost", replace(w, event=False, budget=budget.spend("lose"))
        if budget.lose and w.versions:
            again = self._touch(replace(w, budget=budget.spend("lose")), LaneTouch("t", "i", record_id="r"))
            yield "an event comes twice", again
        for n, worker in enumerate(w.workers):
            if worker is not None:
                yield from self._misfortunes(w, n, worker)

    def _people(self, w: World) -> Iterator[tuple[str, World]]:
        for name in self.names:
            value = f"e{w.edits}{name[0]}"
            if w.budget.platform:
                old = w.lead.values.get(name, "")
                lead = replace(w.lead.with_values({name: value}, NOW, "platform"), revision=w.lead.revision + 1)
                after = replace(w, lead=lead, budget=w.budget.spend("platform"), edits=w.edits + 1)
                link = lead.link("i")
                touch = LaneTouch("t", "i", record_id=link.record_id if link else "", lead_id="lead")
                yield f"a person sets {name}={value} here", self._touch(_replace_value(after, old), touch)
            if w.budget.crm and w.versions:
                values = dict(zip(self.names, w.versions[-1][0], strict=True))
                after = replace(w, budget=w.budget.spend("crm"), edits=w.edits + 1, event=True)
                after = _replace_value(after, values[name])
                version = (tuple({**values, name: value + "c"}[n] for n in self.names), False, frozenset({name}))
                yield f"a person sets {name}={value}c there", replace(after, versions=(*w.versions, version))

    def _misfortunes(self, w: World, n: int, worker: Worker) -> Iterator[tuple[str, World]]:
        if w.budget.crash:
            yield f"worker {n} crashes", self._crash(w, n, worker)
            if worker.step != "flying" or self.without.lag:
                yield f"worker {n} stalls until its lease is over", self._stall(w, worker)
        if w.budget.stale and worker.step == "read" and w.versions:
            for version in self._stale(w, worker):
                after = _at_worker(w, n, replace(worker, step="decide", seen=version))
                yield f"worker {n} reads an old state {version}", replace(after, budget=w.budget.spend("stale"))

    # a worker's steps

    def _lease(self, w: World, n: int) -> Iterator[tuple[str, World]]:
        for lane in w.lanes:
            if lane is None or lane.due_at is None or lane.worker:
                continue
            claimed = replace(
                lane,
                worker=str(n),
                fence=lane.fence + 1,
                claimed_version=lane.version,
                claimed_at=NOW,
                lease_until=LEASED,
                due_at=LEASED,
            )
            after = _at_worker(_with_lane(w, claimed), n, Worker(lane.lane_id, claimed.fence, "read"))
            yield f"worker {n} leases {lane.lane_id}", after

    def _step(self, w: World, n: int, worker: Worker) -> Iterator[tuple[str, World]]:
        match worker.step:
            case "read":
                blind = worker.lane == "i/lead/lead" and self.without.read_first
                newest = len(w.versions) - 1 if w.versions and not blind else None
                seen = replace(worker, step="decide", seen=newest, snapshot=w.lead if self.without.revision else None)
                yield f"worker {n} reads {newest}", _at_worker(w, n, seen)
            case "decide":
                yield f"worker {n} decides", self._decide(w, n, worker)
            case "send":
                lane = _lane(w, worker.lane)
                if lane is None or ((lane.fence != worker.fence or lane.worker != str(n)) and not self.without.lag):
                    yield f"worker {n} gives up: its lease is over", _at_worker(w, n, None)  # R4
                else:
                    yield f"worker {n} sends", _at_worker(w, n, replace(worker, step="flying"))
            case "flying":
                landed = self._land(w, worker.write)
                done = replace(worker, step="settle", seen=len(landed.versions) - 1)
                yield f"worker {n}'s write lands", _at_worker(landed, n, done)
            case _:
                yield f"worker {n} settles", self._settle(w, n, worker)

    def _decide(self, w: World, n: int, worker: Worker) -> World:
        lane = _lane(w, worker.lane)
        idle = _at_worker(w, n, None)
        if lane is None or ((lane.fence != worker.fence or lane.worker != str(n)) and not self.without.fence):
            return idle
        lane = replace(lane, lease_until=LEASED)
        lead = worker.snapshot or w.lead
        case = Case(
            lane=lane,
            observation=Observation(lane.lane_id, lane.fence, self._state(w, worker.seen, lane)),
            target=self.target,
            now=NOW,
            platform="jazzaam",
            new_lead_id="second lead",
            new_write_id=f"w{lane.lane_id}{lane.fence}",
            lead=self._forgetful(lead) if lane.lead_id else None,
            marked=self._forgetful(lead),
            hopeful=self._forgetful(lead) if lane.notes.match_lead_id else None,
        )
        verdict = reconcile(case)
        if verdict.outcome is Outcome.CREATED:
            return replace(w, broken="L6: a second lead")
        after = self._commit(idle, lane, verdict)
        if lane.record_id and worker.seen is not None and verdict.outcome is not Outcome.RELEASED:
            after = replace(after, read=max(after.read, worker.seen))
        if verdict.write is not None:
            return _at_worker(after, n, replace(worker, step="send", write=verdict.write, snapshot=None))
        return after

    def _settle(self, w: World, n: int, worker: Worker) -> World:
        lane = _lane(w, worker.lane)
        idle = _at_worker(w, n, None)
        if lane is None or worker.write is None or worker.seen is None:
            return idle
        if (lane.fence != worker.fence or lane.worker != str(n)) and not self.without.fence:
            return idle
        values = dict(zip(self.names, w.versions[worker.seen][0], strict=True))
        answer = {name: Reading(values[name], values[name]) for name in worker.write.values if name in values}
        result = WriteResult(lane.lane_id, lane.fence, worker.write.write_id, Done("r", _at(worker.seen), answer))
        verdict = settle_write(SettleCase(lane, result, self.target, NOW, w.lead))
        return self._commit(idle, lane, verdict) if verdict is not None else idle

    def _commit(self, w: World, lane: Lane, verdict: Verdict) -> World:
        """What the storage does with a verdict."""
        kept = {text for change in verdict.fields.values() for text in (change.before, change.after)}
        lead = w.lead
        if verdict.lead is not None:
            lead = replace(verdict.lead, revision=w.lead.revision + 1)
            if self.without.pending:
                lead = lead.with_link(replace(lead.link("i") or Link("i", "hubspot"), pending=None))
        for link in lead.links:
            kept |= {text for waits in link.conflicts.values() for text in (waits.ours, waits.theirs)}
            kept |= {lost.value for lost in link.overwritten.values()}
        w = replace(w, lead=lead, kept=w.kept | kept)
        w = _with_lane(w, _ended(lane, _lane(w, lane.lane_id) or lane, verdict))
        for ended in verdict.ended_lanes:
            if other := _lane(w, ended):
                w = _with_lane(w, replace(other, fence=other.fence + 1, worker="", lease_until=LONG_AGO))
        for idle in verdict.idle_lanes:
            if (other := _lane(w, idle)) and not other.worker:
                w = _with_lane(w, replace(other, due_at=None))
        for touch in verdict.touches:
            w = self._touch(w, touch)
        return w

    # the CRM

    def _state(self, w: World, seen: int | None, lane: Lane) -> Present | Absent:
        if seen is None:
            return Absent()
        readings = {}
        for n, name in enumerate(self.names):
            versions = tuple(
                Version(values[n], values[n], _at(k), ours)
                for k, (values, ours, changed) in reversed(list(enumerate(w.versions[: seen + 1])))
                if name in changed
            )
            value = w.versions[seen][0][n]
            readings[name] = Reading(value, value, versions)
        mark = "" if self.linked else "lead"
        return (
            Present("r", _at(seen), readings, "jazzaam" if mark else "", mark, with_history=True) if lane else Absent()
        )

    def _land(self, w: World, write: Pending | None) -> World:
        if write is None:
            return w
        if write.kind is WriteKind.CREATE and w.versions and self.without.upsert:
            return replace(w, broken="L6: a second record")
        now = dict(zip(self.names, w.versions[-1][0], strict=True)) if w.versions else dict.fromkeys(self.names, "")
        changed = {name: value for name, value in write.values.items() if name in self.names}
        effective = any(now[name] != value for name, value in changed.items())
        version = (tuple({**now, **changed}[name] for name in self.names), True, frozenset(changed))
        w = replace(w, versions=(*w.versions, version), event=True, writes=w.writes + effective)
        return replace(w, broken="L3: more effective writes than edits here") if w.writes > _edits_here(w) else w

    def _stale(self, w: World, worker: Worker) -> list[int | None]:
        oldest = 0
        link = w.lead.link("i")
        if link and link.pending and not self.without.lag:  # the read lag has passed since the last write of ours
            oldest = max((k for k, (_, ours, _c) in enumerate(w.versions) if ours), default=0)
        missing: list[int | None] = [None] if worker.lane == "i/lead/lead" and not (link and link.pending) else []
        return [*missing, *range(oldest, len(w.versions) - 1)]

    # leases

    def _touch(self, w: World, touch: LaneTouch) -> World:
        place = 1 if touch.record_id else 0
        lane = w.lanes[place] or Lane(touch.lane_id, "t", "i", record_id=touch.record_id, lease_until=LONG_AGO)
        notes = replace(lane.notes, match_lead_id=touch.match_lead_id or lane.notes.match_lead_id)
        due_at = lane.due_at if lane.worker or (touch.quiet and lane.due_at is None) else LONG_AGO
        lead_id = touch.lead_id or lane.lead_id
        version = lane.version + (not touch.quiet)
        return _with_lane(w, replace(lane, version=version, due_at=due_at, notes=notes, lead_id=lead_id))

    def _end_lease(self, w: World, lane: Lane) -> World:
        w = _with_lane(w, replace(lane, worker="", lease_until=LONG_AGO, due_at=LONG_AGO))
        link = w.lead.link("i")
        if link and link.pending and link.pending.lane_id == lane.lane_id:
            over = replace(link, pending=replace(link.pending, until=LONG_AGO))
            w = replace(w, lead=w.lead.with_link(over))
        return w

    def _crash(self, w: World, n: int, worker: Worker) -> World:
        w = _at_worker(replace(w, budget=w.budget.spend("crash")), n, None)
        if worker.step == "flying" and worker.write is not None:
            w = replace(w, flying=(*w.flying, (worker.lane, worker.fence, worker.write)))
        lane = _lane(w, worker.lane)
        if lane and lane.fence == worker.fence and lane.worker == str(n):
            w = _with_lane(w, replace(lane, worker="dead"))
        return w

    def _stall(self, w: World, worker: Worker) -> World:
        w = replace(w, budget=w.budget.spend("crash"))
        lane = _lane(w, worker.lane)
        return (
            self._end_lease(w, lane) if lane and lane.fence == worker.fence and lane.worker not in {"", "dead"} else w
        )

    def _forgetful(self, lead: Lead) -> Lead:
        link = lead.link("i")
        if link is None:
            return lead
        if self.without.base:
            link = replace(link, base={})
        if self.without.seen:
            link = replace(link, seen=None)
        return lead.with_link(link)

    # laws

    def law(self, w: World, *, quiet: bool) -> str:
        """The law that a state breaks, or nothing."""
        if w.broken or not quiet:
            return w.broken
        if not w.versions:
            return "L1: no record"
        link = w.lead.link("i")
        conflicts = {*link.conflicts} if link else set()
        there = dict(zip(self.names, w.versions[-1][0], strict=True))
        for name in self.names:
            here = w.lead.values.get(name, "")
            if here != there[name] and name not in conflicts:
                return f"L1: {name} is {here} here and {there[name]} there, and nobody is asked"
            if {here, there[name]} & w.replaced:
                return f"L4: {name} shows a value that a person has replaced: {here} here, {there[name]} there"
        shown = {*w.lead.values.values(), *there.values()}
        lost = self._edits(w) - shown - w.replaced - w.kept
        return f"L2: {sorted(lost)} is lost" if lost else ""

    def _edits(self, w: World) -> set[str]:
        everything = {value for values, _, _ in w.versions for value in values} | {*w.lead.values.values()} | w.replaced
        return {value for value in everything if value.startswith("e")}

    # the search

    def search(self, budget: Budget, limit: int = 1_000_000) -> tuple[int, str, list[str]]:
        """Breadth first over all interleavings: number of states, the law broken, and the shortest history to it."""
        root = self.start(budget)
        parent: dict[object, tuple[object, str] | None] = {_key(root): None}
        queue = deque([root])
        while queue:
            w = queue.popleft()
            steps = list(self.progress(w))
            if law := self.law(w, quiet=not steps):
                return len(parent), law, _history(parent, w)
            if len(parent) > limit:
                return len(parent), "", ["the limit was reached"]
            for label, after in [*steps, *self.faults(w)]:
                key = _key(after)
                if key not in parent:
                    parent[key] = (_key(w), label)
                    queue.append(after)
        return len(parent), "", []


def _at(version: int) -> datetime:  # on the CRM's clock, which agrees with the database's
    return NOW + timedelta(seconds=version)


def _edits_here(w: World) -> int:
    """Edits on the platform so far, a create included; each may cause one effective write."""
    return w.edits


def _replace_value(w: World, old: str) -> World:
    return replace(w, replaced=w.replaced | {old} if old.startswith("e") else w.replaced)


def _lane(w: World, lane_id: str) -> Lane | None:
    return next((lane for lane in w.lanes if lane and lane.lane_id == lane_id), None)


def _with_lane(w: World, lane: Lane) -> World:
    return replace(w, lanes=(w.lanes[0], lane) if lane.record_id else (lane, w.lanes[1]))


def _at_worker(w: World, n: int, worker: Worker | None) -> World:
    return replace(w, workers=(worker, w.workers[1]) if n == 0 else (w.workers[0], worker))


def _ended(lane: Lane, stored: Lane, verdict: Verdict) -> Lane:
    """The lane after its lease ended as the verdict says."""
    stored = replace(stored, lead_id=verdict.names_lead or stored.lead_id)
    if verdict.notes is not None:
        keep = Notes(match_lead_id=verdict.notes.match_lead_id, written=verdict.notes.written)
        stored = replace(stored, notes=keep)
    if verdict.end is LaneEnd.HELD:
        return stored
    stored = replace(stored, worker="", lease_until=LONG_AGO)
    if verdict.end is LaneEnd.WAITING:
        return replace(stored, due_at=LONG_AGO)
    touched = stored.version > lane.claimed_version and verdict.end is not LaneEnd.IDLE
    return replace(stored, due_at=LONG_AGO if touched else None)


def _key(w: World) -> object:
    """What tells two states apart. Numbers that only grow count by what they are compared with."""
    link = w.lead.link("i")
    pending = link.pending if link else None
    fences = {lane.lane_id: lane.fence for lane in w.lanes if lane}
    return (
        tuple(sorted(w.lead.values.items())),
        link
        and (
            link.record_id,
            tuple(sorted((name, base.platform, base.crm) for name, base in link.base.items())),
            link.seen,
            tuple(sorted((name, waits.ours, waits.theirs) for name, waits in link.conflicts.items())),
            tuple(sorted((name, lost.value) for name, lost in link.overwritten.items())),
            link.wrote and (link.wrote.basis, link.wrote.fields),
        ),
        pending and _pending_key(pending, fences),
        w.versions,
        tuple(
            lane
            and (lane.lead_id, lane.due_at is not None, lane.worker, lane.version > lane.claimed_version, lane.notes)
            for lane in w.lanes
        ),
        tuple(
            worker
            and (
                worker.lane,
                fences.get(worker.lane) == worker.fence,
                worker.step,
                worker.seen,
                worker.write and _pending_key(worker.write, fences),
                worker.write is not None and pending is not None and worker.write.write_id == pending.write_id,
                worker.snapshot and tuple(sorted(worker.snapshot.values.items())),
            )
            for worker in w.workers
        ),
        w.event,
        tuple((lane, _pending_key(write, fences)) for lane, _, write in w.flying),
        w.read,
        w.budget,
        w.edits,
        w.writes,
        w.replaced,
        w.kept,
        w.broken,
    )


def _pending_key(pending: Pending, fences: dict[str, int]) -> object:
    return (
        pending.kind,
        pending.lane_id,
        fences.get(pending.lane_id) == pending.fence,
        pending.until == LEASED,
        tuple(sorted(pending.values.items())),
        pending.basis,
    )


def _history(parent: dict[object, tuple[object, str] | None], w: World) -> list[str]:
    path, key = [], _key(w)
    while (step := parent[key]) is not None:
        key, label = step
        path.append(label)
    return path[::-1]
