"""What was measured, as the groups of docs/scaling-figures.md. Pure."""

from collections import Counter
from collections.abc import Sequence

from bench.figures import Figure, Group, at_least, at_most, plain
from bench.scale.looks import Look
from bench.scale.run import Found
from bench.scale.sizes import CollectionSize
from bench.twins import PORTS, twin

FACTOR = 2.0  # within which the arithmetic has to hold, either way
LEAST_SHARE = 25  # percent: each of two processes does at least so much of the work, if there are
MANY = 20  # portals or more: a portal is worked by one connector
MONGO_POOL = {"lead-store": 100, "crm-connector": 50}  # the most, as the drivers are set
MONITORS = 2  # of the driver, for each member of the replica set
EVENNESS, SLOWEST = 0.5, 4.0


def costs(found: Found) -> Group:
    """What work costs each service."""
    kinds = {"event": found.costs.event, "job": found.costs.job, "record in a job": found.costs.reading}
    rows = [plain("a connector begins a job every", 1_000 * found.pace, "ms", "jobs of one record")]
    rows += [
        plain(f"{name}, per {kind}", 1_000 * cost, "ms")
        for kind, cost_of in kinds.items()
        for name, cost in cost_of.items()
    ]
    rows += [plain(f"{name}, in a second without work", 1_000 * cost, "ms") for name, cost in found.costs.idle.items()]
    how = (
        f"Processor time; one of each service, {found.size.portals} portals, {sum(found.size.contacts):,} contacts. "
        "Five events about each contact, ten events a POST. The connector stands still until all events are routed; "
        "then it works them off. A job leases up to 100 records of one portal, reads them by one call, and has them "
        "decided; its cost includes the look for it among all portals. "
        f"Once its jobs have {found.batch:.0f} records on average, once one: so both parts of the cost are known."
    )
    return Group("What work costs", how, tuple(rows))


def arithmetic(found: Found) -> Group:
    """Costs times numbers, beside what two of each really took."""
    twice = dict.fromkeys(PORTS, 2)
    expected, limit = found.costs.seconds(found.load, twice, found.wave.cores, found.pace)
    rows = [
        plain(
            "events", found.load.events, "", f"{found.sent.posts:,} POSTs, {found.sent.repeated:,} of them sent twice"
        ),
        plain("records read and decided", found.load.readings, "", f"in {found.load.jobs:,} jobs"),
        plain("cores that others left", found.wave.cores, ""),
    ]
    for name, wanted in found.costs.cpu(found.load).items():
        took = found.wave.of([name, twin(name)])
        idle = found.costs.idle.get(name, 0.0) * twice.get(name, 1) * found.wave.seconds
        remark = f"predicted {wanted:.3g} s for the work, and {idle:.3g} s for being there"
        rows.append(
            _within(f"processor time of {name}, as a multiple of the prediction", took / (wanted + idle), remark)
        )
    remark = f"took {found.wave.seconds:.3g} s, at least {expected:.3g} s predicted; the limit is {limit}"
    rows.append(_within("duration, as a multiple of the prediction", found.wave.seconds / expected, remark))
    rows.append(plain("events/s", found.load.events / found.wave.seconds, "/s", "all of it, until the last decision"))
    how = (
        "Two of each service. The prediction is what one of each took for an event, a job and a record, times the "
        "numbers of this wave. Duration: the largest of all processor time by the cores that others left, of each "
        "service's by its processes, and of the jobs by the pace at which two connectors begin them. It has to hold "
        f"within a factor of {FACTOR:g}."
    )
    return Group("The arithmetic", how, tuple(rows))


def sharing(found: Found) -> Group:
    """Who did how much, and who waited for how long."""
    rows = []
    for name in PORTS:
        first, second = found.wave.cpu[name], found.wave.cpu[twin(name)]
        share = 100 * min(first, second) / (first + second)
        least = LEAST_SHARE if found.size.portals >= MANY else 0
        rows.append(at_least(f"the smaller share of two {name}s in their work", share, least, "%"))
    worked = sorted(Counter(found.workers.values()).values())
    rows.append(Figure("integrations with each connector, as last seen", " and ".join(map(str, worked))))
    turns = found.turns
    rows += [
        plain("mean wait of a record of a small portal", turns.mean_small, "s", f"{found.size.small} contacts each"),
        at_least("mean wait in the large portal", turns.large, turns.mean_small, "s", f"{found.size.large} contacts"),
        at_least("evenness of the small portals' waits (Jain)", turns.evenness, EVENNESS, "", "1 = all equal"),
        at_most("slowest small portal, as a multiple of the median", turns.slowest, SLOWEST, "×"),
    ]
    return Group("Sharing and turns", "The same wave: all portals at once, one of them far larger.", tuple(rows))


def completeness(found: Found) -> Group:
    """Nothing lost, nothing doubled."""
    zeros = {
        "POSTs refused": found.sent.refused,
        "contacts whose lead is not equal": found.lost,
        "leads or links too many": found.doubled,
        "records that failed": found.failed,
        "writes to HubSpot, where none is wanted": found.writes,
    }
    rows = [
        Figure("deliveries stored", f"{found.stored:,}", f"{found.sent.posts:,}", found.stored == found.sent.posts),
        Figure("events counted", f"{found.counted:,}", f"{found.sent.events:,}", found.counted == found.sent.events),
        *(Figure(what, f"{many:,}", "0", many == 0) for what, many in zeros.items()),
    ]
    return Group("Nothing lost, nothing doubled", "After the same wave.", tuple(rows))


def opened(found: Found) -> Group:
    """Connections between processes."""
    stores, pairs = ["lead-store", twin("lead-store")], [(name, twin(name)) for name in PORTS]
    rows = [_exactly(found, caller, store) for both in pairs[1:] for caller in both for store in stores]
    rows += [
        _exactly(found, gateway, connector)
        for gateway, connector in (
            ("webhook-gateway", "crm-connector"),
            (twin("webhook-gateway"), twin("crm-connector")),
        )
    ]
    for name, pool in MONGO_POOL.items():
        for one in (name, twin(name)):
            many = found.connections.get((one, "database"), 0)
            rows.append(at_most(f"{one} → database", many, pool + MONITORS, "", f"{MONITORS} of them watch the server"))
    return Group("Connections", "TCP connections between the processes, after the same wave.", tuple(rows))


def memory(found: Found) -> Group:
    """Memory of each process."""
    rows = [
        at_most(name, mib, 300, "MiB") if name.removesuffix("-2") in PORTS else plain(name, mib, "MiB")
        for name, mib in found.memory.items()
    ]
    return Group("Memory", "Resident memory after the same wave.", tuple(rows))


def sizes(found: Sequence[tuple[str, CollectionSize]]) -> list[Group]:
    """Bytes of documents, and of the entries of each index."""
    rows = [
        plain(
            label,
            one.bytes,
            "bytes",
            f"and {one.index_bytes:,.0f} bytes in {len(one.indexes)} indexes; {one.documents:,} documents",
        )
        for label, one in found
    ]
    entries = [
        Figure(
            f"{label}: {index.name}", f"{index.bytes:,.0f} bytes", remark=f"{index.entries:.2f} entries per document"
        )
        for label, one in found
        for index in one.indexes
    ]
    how = (
        "Leads with seven fields and one link; one decision changes one field. BSON before compression. An index entry "
        "is as long as its values; a server adds a few bytes and saves common beginnings."
    )
    return [
        Group("Bytes per document", how, tuple(rows)),
        Group("Bytes per index entry", "The same documents.", tuple(entries)),
    ]


def looks(found: Sequence[Look]) -> Group:
    """What it costs to find no work."""
    rows = [
        plain(
            f"{one.integrations:,} integrations",
            one.milliseconds,
            "ms",
            f"{one.cpu:,.0f} ms of processor time; {one.taken_cpu:,.0f} ms while others work all of them; "
            f"the first look {one.first_cpu:,.0f} ms",
        )
        for one in found
    ]
    how = (
        "One LeaseWork that finds nothing, by the number of integrations that nobody works, twice a second as a call "
        "that waits does it. Processor time of lead-store and database, without what they take for being there. The "
        "first look of a process asks each integration; the ones after it ask those with news, and each once in 30 s."
    )
    return Group("A look for work", how, tuple(rows))


def _within(what: str, ratio: float, remark: str) -> Figure:
    good = 1 / FACTOR <= ratio <= FACTOR
    return Figure(what, f"{ratio:.2f} ×", f"{1 / FACTOR:g} to {FACTOR:g}", good, remark)


def _exactly(found: Found, caller: str, taker: str) -> Figure:
    many = found.connections.get((caller, taker), 0)
    return Figure(f"{caller} → {taker}", f"{many}", "1", many == 1)
