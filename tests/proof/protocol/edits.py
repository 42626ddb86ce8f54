"""Which edits of people the values stem from, and which of them still count: what the laws are judged by."""

from collections.abc import Iterable

from lead_store.domain.decision import Decision, Outcome
from lead_store.domain.lead import Lead
from proof.protocol.world import CRMS, Setup, Worker, World, at, field_bits, with_crm

MERGED = {Outcome.UNCHANGED, Outcome.LINKED, Outcome.UPDATED, Outcome.PUSHED, Outcome.SKIPPED}


def edits_of(setup: Setup, edits: int, names: Iterable[str]) -> int:
    """Those of the edits that set one of these fields."""
    return edits & sum(field_bits(setup, setup.names.index(name)) for name in names)


def made(setup: Setup, w: World, place: int, value: str, seen: int) -> tuple[World, int]:
    """A person who saw some edits replaces them by a new one."""
    edit = 1 << len(w.made) * setup.fields + place
    live = w.live & ~(seen & field_bits(setup, place)) | edit
    number = setup.values.index(value) + 1
    most = max(w.used[place], number) if value else w.used[place]
    used = (*w.used[:place], most, *w.used[place + 1 :])
    return w._replace(made=(*w.made, value), live=live, used=used, budget=w.budget.spend("edits")), edit


def replaced(setup: Setup, live: int, gone: int, by: int) -> int:
    """Live edits after some gave way, by a recorded decision, to others that are still live."""
    for n in range(setup.fields):
        bits = field_bits(setup, n)
        if by & live & bits:
            live &= ~(gone & ~by & bits)
    return live


def decided(setup: Setup, w: World, worker: Worker, before: Lead, decision: Decision) -> World:
    """What a decision, already committed, says about edits: it keeps what it replaces, and then that is replaced."""
    versions = w.crms[worker.crm].versions
    read = versions[worker.seen] if worker.seen is not None else None
    here, live, kept = w.here, w.live, w.kept
    for n, name in enumerate(setup.names):
        bits = field_bits(setup, n)
        ours, theirs = here & bits, read.edits & bits if read else 0
        change = decision.fields.get(name)
        if change is None:
            if read and decision.outcome in MERGED and before.values.get(name, "") == read.values[n]:  # both said so
                here |= theirs
                w = _agreed(w, worker.crm, n, ours, read.values[n])
            continue
        gone, by = (theirs, ours) if change.side == "crm" else (ours, theirs)
        here = here & ~bits | by
        kept |= gone
        if change.side == "platform":
            live = replaced(setup, live, gone, by)
    return _overwritten(setup, w._replace(here=here, live=live, kept=kept), worker.crm)


def _agreed(w: World, crm: int, place: int, ours: int, value: str) -> World:
    side = w.crms[crm]
    newest = side.versions[-1]
    if newest.values[place] != value:
        return w
    return with_crm(w, crm, side._replace(versions=(*side.versions[:-1], newest._replace(edits=newest.edits | ours))))


def _overwritten(setup: Setup, w: World, crm: int) -> World:
    """Values that a write replaced unseen are kept on the link (R3)."""
    link = w.lead.link(CRMS[crm])
    kept = w.kept
    for name, lost in link.overwritten.items() if link else ():
        state = next(state for state in w.crms[crm].versions if at(state.second) == lost.changed_at)
        kept |= state.edits & field_bits(setup, setup.names.index(name))
    return w._replace(kept=kept)
