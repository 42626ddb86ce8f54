"""The laws, judged once nothing is left to do.

L1 every field is equal on all sides or in an open conflict, and no write is left over; L2 a live edit is current
somewhere, or kept; L3 effective writes to a CRM are no more than edits elsewhere; L4 no side shows a value that was
replaced, and no conflict asks about one; L6 there is one record and one lead. L3 and L6 are noticed where they break,
and the search itself notices if the work never comes to an end (L1). Where a CRM cannot show whether a write landed, a
person may be asked about a value that was replaced: R2 knows no better answer, so L4 does not count such a field.
"""

from itertools import permutations

from lead_store.domain.lead import Lead
from lead_store.domain.link import Link
from proof.protocol.world import CRMS, NOW, Crm, Setup, World, field_bits


def broken_law(setup: Setup, w: World, *, rests: bool) -> str:
    """The law that a state breaks, or nothing."""
    if w.broken or not rests:
        return w.broken
    current = w.here
    for number, crm in enumerate(w.crms):
        link = w.lead.link(CRMS[number])
        if not crm.versions or link is None:
            return f"L1: no record in CRM {CRMS[number]}"
        if fault := _unequal(setup, w, number, link):
            return fault
        current |= crm.versions[-1].edits
    lost = w.live & ~current & ~w.kept
    return f"L2: lost: {_in_words(setup, w, lost)}" if lost else ""


def _unequal(setup: Setup, w: World, number: int, link: Link) -> str:
    if link.pending is not None:
        return f"L1: a write to CRM {CRMS[number]} is left over"
    if any(oscillation.is_paused(NOW) for oscillation in link.oscillations.values()):
        return "an oscillating field is paused, so this world is too large for its laws"
    newest = w.crms[number].versions[-1]
    for n, name in enumerate(setup.names):
        here, there = w.lead.values.get(name, ""), newest.values[n]
        if here != there and name not in link.conflicts:
            return f"L1: {name} is {here} here and {there} in CRM {CRMS[number]}, and nobody is asked"
        if name in link.conflicts and link.conflicts[name].unproven and _shows_writes(w.crms[number]):
            return f"L4: {name} is asked about, though CRM {CRMS[number]} shows whether a write landed"
        if name in unproven(w.lead):
            continue
        bits = w.live & field_bits(setup, n)
        wanted = {w.made[edit // setup.fields] for edit in _places(bits)}
        if not {here, there} <= wanted:
            return f"L4: {name} is {here} here and {there} in CRM {CRMS[number]}, wanted is {sorted(wanted)}"
        if name in link.conflicts and not (w.here & bits and newest.edits & bits):
            return f"L4: {name} is asked about, {here} or {there}, and one of them was replaced"
    return ""


def _shows_writes(crm: Crm) -> bool:
    return crm.kind.history or crm.kind.write_stamp


def unproven(lead: Lead) -> set[str]:
    """Fields of which a person is asked whether one side's value was replaced, since the CRM cannot show it (R2)."""
    return {name for link in lead.links for name, conflict in link.conflicts.items() if conflict.unproven}


def end_of(setup: Setup, w: World) -> str:
    """What people see of a state at rest, whatever happened on the way; which CRM is which makes no difference."""
    return min(_end_of(setup, w, order) for order in permutations(range(len(w.crms))))


def _end_of(setup: Setup, w: World, order: tuple[int, ...]) -> str:
    """New values count by their order in it."""
    links = [w.lead.link(CRMS[n]) for n in order]
    seen = []
    for place, name in enumerate(setup.names):
        lost = [link.overwritten[name].value for link in links if link and name in link.overwritten]
        there = [w.crms[n].versions[-1].values[place] for n in order if w.crms[n].versions]
        values = [w.lead.values.get(name, ""), *there, *lost]
        new = [value for value in dict.fromkeys(values) if value not in {"", setup.values[0]}]
        seen.append(tuple(str(new.index(value)) if value in new else f"={value}" for value in values))
    waits = tuple((sorted(link.conflicts), sorted(link.overwritten)) if link else None for link in links)
    return repr((seen, waits, w.budget.edits))


def _places(bits: int) -> list[int]:
    return [n for n in range(bits.bit_length()) if bits >> n & 1]


def _in_words(setup: Setup, w: World, edits: int) -> list[str]:
    return [f"{setup.names[n % setup.fields]}={w.made[n // setup.fields]}" for n in _places(edits)]
