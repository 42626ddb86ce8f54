"""The arithmetic of scaling: costs that are split, loads that are predicted, documents that are measured."""

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bench.scale.arithmetic import Costs, Load, Spent, split
from bench.scale.looks import Look
from bench.scale.needs import Assumptions, needs
from bench.scale.sizes import CollectionSize, measured_size

COSTS = Costs(event={"gateway": 0.001, "store": 0.002}, job={"store": 0.010}, reading={"store": 0.001, "crm": 0.003})


def test_costs_of_jobs_and_of_records_are_told_apart() -> None:
    """From full and from small jobs follows what a job costs, and what a record in it costs."""
    few = Spent({"store": 50 * 0.010 + 50 * 0.001}, jobs=50, readings=50)
    many = Spent({"store": 60 * 0.010 + 1_200 * 0.001}, jobs=60, readings=1_200)

    job, reading = split(few, many)

    assert job == {"store": pytest.approx(0.010)}
    assert reading == {"store": pytest.approx(0.001)}


def test_jobs_of_one_size_tell_nothing_apart() -> None:
    """If all jobs have equally many records, no split is made up."""
    with pytest.raises(ValueError, match="differ"):
        split(Spent({}, 10, 10), Spent({}, 20, 20))


def test_a_load_takes_what_its_events_jobs_and_records_take() -> None:
    """Each service pays for its own units."""
    cpu = COSTS.cpu(Load(events=1_000, jobs=10, readings=100))

    assert cpu == {"gateway": pytest.approx(1.0), "store": pytest.approx(2.2), "crm": pytest.approx(0.3)}


@pytest.mark.parametrize(
    ("processes", "cores", "limit", "seconds"),
    [
        ({"store": 1}, 8.0, "store", 2.2),
        ({"store": 3}, 8.0, "gateway", 1.0),
        ({"store": 2}, 2.0, "all cores", 1.75),
    ],
)
def test_the_duration_is_that_of_the_tightest_limit(
    processes: dict[str, int], cores: float, limit: str, seconds: float
) -> None:
    """A process keeps one core busy at most, and all together those that there are."""
    longest, name = COSTS.seconds(Load(events=1_000, jobs=10, readings=100), processes, cores, pace=0.01)

    assert name == limit
    assert longest == pytest.approx(seconds)


def test_connectors_begin_jobs_at_their_pace() -> None:
    """However many cores there are, jobs are asked for one after another, by each connector."""
    load = Load(events=0, jobs=100, readings=100)

    assert COSTS.seconds(load, {"crm-connector": 2}, 64.0, pace=0.1) == (5.0, "the pace of jobs")


def test_what_idle_processes_take_is_not_there_for_the_load() -> None:
    """A second lasts longer for the load if processes that are only there take their part of the cores."""
    costs = Costs({"store": 0.001}, {}, {}, idle={"store": 0.25})

    longest, _ = costs.seconds(Load(events=1_000, jobs=0, readings=0), {"store": 2}, 1.0, pace=0.0)

    assert longest == pytest.approx(2.0)


def test_ten_times_as_many_portals_need_ten_times_as_much() -> None:
    """Leads, changes, bytes and cores of the database follow the number of portals; a look costs more as well."""
    names = ("webhook-gateway", "lead-store", "crm-connector", "database")
    costs = Costs(*(dict.fromkeys(names, cost) for cost in (0.001, 0.010, 0.001)))
    size = CollectionSize("leads", 1, 1_000.0, ())
    kinds = ("leads", "work_items", "identities", "decisions", "deliveries of 1 event")
    sizes = dict.fromkeys(kinds, size)

    ten, hundred = (needs(n, costs, [Look(100, 10.0, 10.0, 2.0, 100.0)], sizes, Assumptions()) for n in (10, 100))

    assert hundred.leads == 10 * ten.leads == 10_000_000
    assert hundred.database_cores == pytest.approx(10 * ten.database_cores, rel=0.01)
    assert hundred.lead_bytes == pytest.approx(10 * ten.lead_bytes)
    assert hundred.idle_look_cores > 10 * ten.idle_look_cores


NOW = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENT = {"_id": "one", "tags": ["a", "bb"], "state": "new", "links": [{"ref": "x"}, {"ref": "yy"}], "failed_at": NOW}


@pytest.mark.parametrize(
    ("about", "entries", "of_values"),
    [
        ({"key": [("_id", 1)]}, 1, ["one"]),
        ({"key": [("tags", 1)]}, 2, ["a", "bb"]),
        ({"key": [("links.ref", 1), ("_id", 1)]}, 2, ["x", "yy", "one", "one"]),
        ({"key": [("absent", 1)], "sparse": True}, 0, []),
        ({"key": [("_id", 1)], "partialFilterExpression": {"state": "new"}}, 1, ["one"]),
        ({"key": [("_id", 1)], "partialFilterExpression": {"state": "old"}}, 0, []),
        ({"key": [("_id", 1)], "partialFilterExpression": {"failed_at": {"$type": "date"}}}, 1, ["one"]),
        ({"key": [("_id", 1)], "partialFilterExpression": {"state": {"$gt": ""}}}, 1, ["one"]),
    ],
)
def test_an_index_has_an_entry_for_each_value_that_it_covers(
    about: dict[str, Any], entries: int, of_values: list[str]
) -> None:
    """Lists have an entry for each of their values, sparse and partial indexes none for what they leave out."""
    (index,) = measured_size("things", [DOCUMENT], 1, {"some": about}).indexes
    expected = sum(len(bson.encode({"": value})) - len(bson.encode({})) - 2 for value in of_values)

    assert index.entries == entries
    assert index.bytes * index.entries == pytest.approx(expected)
