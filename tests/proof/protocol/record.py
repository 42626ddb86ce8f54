"""What a CRM does: answer readings, also old ones, and take writes, also late ones."""

from lead_store.domain.link import Pending, WriteKind
from lead_store.domain.observation import Absent, Present
from lead_store.domain.rules import Reading, Version
from proof.protocol.edits import replaced
from proof.protocol.world import CRMS, OF_LEAD, Crm, Setup, State, Worker, World, at, field_bits, record_of, with_crm


def reading(setup: Setup, w: World, crm: int, seen: int | None) -> Present | Absent:
    """What a reading shows that answers with this version, history included."""
    if seen is None:
        return Absent()
    versions = w.crms[crm].versions
    readings = {}
    for n, name in enumerate(setup.names):
        history = tuple(
            Version(state.values[n], state.values[n], at(k), state.ours)
            for k, state in reversed(list(enumerate(versions[: seen + 1])))
            if name in state.changed
        )
        value = versions[seen].values[n]
        readings[name] = Reading(value, value, history)
    mark = "" if setup.linked[crm] else "lead"
    return Present(
        record_of(CRMS[crm]),
        at(seen),
        readings,
        "jazzaam" if mark else "",
        marked_lead_id=mark,
        with_history=True,
        history_of=frozenset(setup.names),
    )


def old_readings(setup: Setup, w: World, worker: Worker) -> list[int | None]:
    """The older versions that a reading may still answer with."""
    crm = w.crms[worker.crm]
    link = w.lead.link(CRMS[worker.crm])
    left_over = link is not None and link.pending is not None
    oldest = 0
    if left_over and not setup.without.lag:  # the read lag has passed since the last write of ours
        oldest = max((k for k, state in enumerate(crm.versions) if state.ours), default=0)
    missing: list[int | None] = [None] if worker.place == OF_LEAD and not left_over else []
    return [*missing, *range(oldest, len(crm.versions) - 1)]


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
    version = State(values, ours=True, changed=changed, edits=stem | edits)
    owed = side.owed - (values != now)
    w = with_crm(
        w._replace(live=replaced(setup, w.live, replaces, edits)),
        crm,
        side._replace(versions=(*side.versions, version), event=True, owed=owed),
    )
    return w._replace(broken=f"L3: more effective writes to CRM {CRMS[crm]} than edits elsewhere") if owed < 0 else w


def edited(side: Crm, setup: Setup, place: int, value: str, edit: int) -> Crm:
    """A person sets a field of the record."""
    newest = side.versions[-1]
    values = (*newest.values[:place], value, *newest.values[place + 1 :])
    stem = newest.edits & ~field_bits(setup, place) | edit
    version = State(values, ours=False, changed=frozenset({setup.names[place]}), edits=stem)
    return side._replace(versions=(*side.versions, version), event=True)
