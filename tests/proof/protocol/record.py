"""What a CRM does: answer readings, also old ones, and take writes, also late ones."""

from lead_store.domain.link import Pending, WriteKind
from lead_store.domain.observation import Absent, Present
from lead_store.domain.rules import Reading, Version
from proof.protocol.edits import replaced
from proof.protocol.world import CRMS, OF_LEAD, Crm, Setup, State, Worker, World, at, field_bits, record_of, with_crm


def reading(setup: Setup, w: World, worker: Worker) -> Present | Absent:
    """What a worker's reading shows: the version that it has seen, and the history if it asked and there is one."""
    crm, seen = worker.crm, worker.seen
    if seen is None:
        return Absent()
    versions, kind = w.crms[crm].versions, w.crms[crm].kind
    has_history = worker.history and kind.history
    readings = {}
    for n, name in enumerate(setup.names):
        history = tuple(
            Version(state.values[n], state.values[n], at(state.second), state.ours)
            for state in reversed(versions[: seen + 1])
            if has_history and name in state.changed
        )
        value = versions[seen].values[n]
        readings[name] = Reading(value, value, history)
    mark = "" if setup.linked[crm] else "lead"
    return Present(
        record_of(CRMS[crm]),
        at(versions[seen].second),
        readings,
        "jazzaam" if mark else "",
        marked_lead_id=mark,
        with_history=worker.history and (kind.history or not setup.without.answered),
        history_of=frozenset(setup.names) if has_history else frozenset(),
        landed_write_id="" if setup.without.stamp else versions[seen].stamp,
    )


def old_readings(setup: Setup, w: World, worker: Worker) -> list[int | None]:
    """The older versions that a reading may still answer with."""
    crm = w.crms[worker.crm]
    link = w.lead.link(CRMS[worker.crm])
    left_over = link is not None and link.pending is not None
    oldest = 0
    if left_over and not setup.without.lag:  # the read lag has passed since the last write of ours
        oldest = max((k for k, state in enumerate(crm.versions) if state.ours), default=0)
    if crm.kind.unread_within:  # such a CRM has to answer with what was there within that time
        now = [k for k, state in enumerate(crm.versions) if state.second == crm.second]
        oldest = max(oldest, (now[0] if now else len(crm.versions)) - 1)
    missing: list[int | None] = [None] if worker.place == OF_LEAD and not left_over else []
    return [*missing, *range(oldest, len(crm.versions) - 1)]


def is_stale(setup: Setup, crm: Crm, write: Pending) -> bool:
    """Whether the guard of a write keeps it from landing, since the record is newer than the write's basis."""
    guarded = crm.kind.guarded_writes and not setup.without.guard
    return guarded and write.basis is not None and at(crm.versions[-1].second) > write.basis


def land(setup: Setup, w: World, crm: int, write: Pending, edits: int, replaces: int) -> World:
    """A write lands: a new version even if it changes nothing. What it was decided to replace is replaced by now."""
    side = w.crms[crm]
    if write.kind is WriteKind.CREATE and side.versions and setup.without.upsert:
        return w._replace(broken="L6: a second record")
    names = setup.names
    now = side.versions[-1].values if side.versions else ("",) * len(names)
    stem = side.versions[-1].edits if side.versions else 0
    values = tuple(write.values.get(name, value) for name, value in zip(names, now, strict=True))
    for n, name in enumerate(names):
        if name in write.values and values[n] != now[n]:
            stem &= ~field_bits(setup, n)
    changed = frozenset(name for name in names if name in write.values)
    stamp = write.write_id if side.kind.write_stamp else ""
    version = State(values, ours=True, changed=changed, second=side.second, stamp=stamp, edits=stem | edits)
    owed = side.owed - (values != now)
    w = w._replace(live=replaced(setup, w.live, replaces, edits))
    w = with_crm(w, crm, side.with_version(version)._replace(owed=owed))
    return w._replace(broken=f"L3: more effective writes to CRM {CRMS[crm]} than edits elsewhere") if owed < 0 else w


def edited(side: Crm, setup: Setup, place: int, value: str, edit: int) -> Crm:
    """A person sets a field of the record."""
    newest = side.versions[-1]
    values = (*newest.values[:place], value, *newest.values[place + 1 :])
    stem = newest.edits & ~field_bits(setup, place) | edit
    changed = frozenset({setup.names[place]})
    return side.with_version(State(values, False, changed, second=side.second, stamp=newest.stamp, edits=stem))
