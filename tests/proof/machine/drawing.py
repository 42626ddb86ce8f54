"""How histories are drawn: few people, few values, so that they meet; and what may go wrong at which edge."""

from typing import Any

from hypothesis import strategies as st
from proof.machine.acts import (
    Act,
    CreateLead,
    CreateRecord,
    Deliver,
    EditLead,
    EditRecord,
    Merge,
    OnLead,
    OnRecord,
    Pass,
    Resolve,
    Route,
    Sweep,
    Work,
)
from proof.machine.config import FIELDS, Config
from proof.machine.faults import Fault, Kind, Site

TENANT = st.sampled_from([0, 0, 0, 0, 1])
WHICH, NUMBER = st.integers(0, 2), st.integers(0, 3)
FIELD = st.sampled_from(FIELDS)

CONFIGS = st.builds(
    Config,
    rule=st.sampled_from(["newest", "newest", "ask", "platform", "crm"]),
    blank=st.sampled_from(["keep", "keep", "clear"]),
    direction=st.sampled_from(["bidirectional"] * 6 + ["to_crm", "from_crm"]),
    deletions=st.sampled_from(["unlink", "unlink", "unlink", "delete_lead", "ignore"]),
    cap=st.sampled_from([0, 0, 0, 1]),
    crm_clock_skew=st.sampled_from([0.0, 0.0, 30.0, -50.0]),
    read_lag=st.sampled_from([0.0, 0.0, 3.0, 10.0]),
    search_lag=st.sampled_from([0.5, 25.0]),
    normalises=st.sampled_from(["", "", "answer", "later"]),
    workflow=st.sampled_from([False, False, False, True]),
    robot=st.sampled_from([False, False, True]),
    event_format=st.sampled_from(["classic", "generic"]),
    merge_new_id=st.booleans(),
    merge_extra_events=st.booleans(),
)

CREATES: st.SearchStrategy[Act] = st.one_of(
    st.builds(CreateLead, TENANT, NUMBER, NUMBER, NUMBER), st.builds(CreateRecord, TENANT, NUMBER, NUMBER, NUMBER)
)
EDITS: st.SearchStrategy[Act] = st.one_of(
    st.builds(EditLead, TENANT, WHICH, FIELD, NUMBER), st.builds(EditRecord, TENANT, WHICH, FIELD, NUMBER)
)
LIVES: st.SearchStrategy[Act] = st.one_of(
    st.builds(OnRecord, st.sampled_from(["archive", "restore", "restore", "erase", "format"]), TENANT, WHICH),
    st.builds(OnLead, st.sampled_from(["delete", "push"]), TENANT, WHICH),
    st.builds(Merge, TENANT, WHICH, WHICH),
)
PEOPLE: st.SearchStrategy[Act] = st.one_of(
    EDITS, EDITS, EDITS, CREATES, LIVES, st.builds(Resolve, TENANT, WHICH, st.booleans())
)
DELIVERIES: st.SearchStrategy[Act] = st.one_of(
    st.just(Deliver(100)),
    st.builds(Deliver, st.integers(1, 4), st.booleans(), st.booleans(), st.sampled_from([0, 0, 5])),
)
PASSES: st.SearchStrategy[Act] = st.builds(Pass, st.sampled_from([0.1, 1.0, 5.0, 11.0, 45.0, 75.0, 130.0, 3700.0]))
OTHERS: st.SearchStrategy[Act] = st.one_of(
    PEOPLE, PEOPLE, DELIVERIES, PASSES, st.just(Route()), st.just(Work(1)), st.just(Sweep(1))
)

_DEATHS = [Kind.DIES_BEFORE, Kind.DIES_AFTER]
_LOSSES = [Kind.LOST_BEFORE, Kind.LOST_AFTER]
_MEANWHILES = [Kind.MEANWHILE_BEFORE, Kind.MEANWHILE_AFTER]
_CRM = [Kind.LATE, Kind.LIMITED, Kind.LIMITED_TOLD, Kind.BROKEN_BEFORE, Kind.BROKEN_AFTER, Kind.NO_CONNECTION]
POSSIBLE: dict[Site, tuple[list[Kind], st.SearchStrategy[int]]] = {
    Site.STORE: (_DEATHS + _LOSSES, st.integers(0, 40)),
    Site.RPC: (_DEATHS + _LOSSES + _MEANWHILES * 3, st.sampled_from([0, 1, 1, 2, 2, 3, 4])),  # lease, reconcile, settle
    Site.CRM: (_DEATHS + _LOSSES * 2 + _MEANWHILES * 3 + _CRM, st.sampled_from([0, 0, 1, 1, 2, 3])),
    Site.OWN: (_DEATHS + _LOSSES, st.integers(0, 2)),
}


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """One thing that goes wrong."""
    site = draw(st.sampled_from([Site.RPC, Site.RPC, Site.CRM, Site.CRM, Site.CRM, Site.STORE, Site.STORE, Site.OWN]))
    kinds, calls = POSSIBLE[site]
    kind = draw(st.sampled_from(kinds))
    acts: list[Any] = draw(st.lists(OTHERS, min_size=1, max_size=3)) if kind in _MEANWHILES else []
    return Fault(site, draw(calls), kind, tuple(acts))


FAULTS = st.lists(faults(), min_size=1, max_size=2).map(tuple)
WORKERS = st.sampled_from([0, 0, 0, 1])
STARTS: st.SearchStrategy[list[Act]] = st.lists(CREATES, max_size=4)
