"""Everything that lead-store is made of, built in one place and closed in reverse order."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pymongo.errors import PyMongoError

from lead_store.metrics import Metrics
from lead_store.mongo.cached_clock import CachedClock
from lead_store.mongo.client import connect
from lead_store.mongo.data_version import NewerDataError, refuse_newer, upgrade
from lead_store.mongo.free_space import FreeSpace, of_folder, of_server
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.key_check import check_key
from lead_store.mongo.quarantine import QuarantinedRequests
from lead_store.mongo.server_check import check_server, refusal
from lead_store.mongo.sign_in_codes import SignInCodes
from lead_store.mongo.store import Store
from lead_store.rpc.conflict_service import ConflictService
from lead_store.rpc.health import HealthWatch
from lead_store.rpc.inbox_service import InboxService
from lead_store.rpc.lead_field_service import LeadFieldService
from lead_store.rpc.lead_service import LeadService
from lead_store.rpc.match_service import MatchService
from lead_store.rpc.plan_service import PlanService
from lead_store.rpc.server import Served, serve
from lead_store.rpc.sign_in_service import SignInService
from lead_store.rpc.work_service import WorkService
from lead_store.settings import Settings
from lead_store.threads import VitalThreads
from lead_store.tls import Renewed
from lead_store.usecases.applying import Apply
from lead_store.usecases.arrivals import Arrivals
from lead_store.usecases.conflicts import Conflicts
from lead_store.usecases.duplicates import Duplicates
from lead_store.usecases.ending import EndLead
from lead_store.usecases.inbox import Inbox
from lead_store.usecases.lead_fields import LeadFields
from lead_store.usecases.leads import Leads
from lead_store.usecases.lease import LeaseWork
from lead_store.usecases.life_signs import LifeSigns
from lead_store.usecases.loops import Loops
from lead_store.usecases.matches import Matches
from lead_store.usecases.planning import Planning
from lead_store.usecases.quarantine import Quarantine
from lead_store.usecases.references import References
from lead_store.usecases.router import Router, RouterTiming
from lead_store.usecases.run_pace import RunPace
from lead_store.usecases.status import Status
from lead_store.usecases.stripping import Strip, StripLoop
from lead_store.usecases.targets import Targets
from lead_store.usecases.watch import Watch
from lead_store.usecases.work import Work
from lead_store.usecases.work_signal import WorkSignal

STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Services:
    """What is served over a store, and what runs beside it."""

    served: Served
    router: Router
    references: References
    stripping: StripLoop
    status: Status
    signal: WorkSignal


def build(
    store: Store,
    settings: Settings,
    stop: threading.Event,
    steady: Callable[[], float] = time.monotonic,
    loops: Loops | None = None,
    space: FreeSpace | None = None,
) -> Services:
    """Wire everything that works on a store; nothing runs yet. `steady` measures the seconds between two readings."""
    timing, waits = settings.timing, settings.timing.waits
    signal, arrivals, loops = WorkSignal(store.targets.note_news), Arrivals(), loops or Loops()
    pace = RunPace(timing.beside_changes.total_seconds())
    apply = Apply(store, loops, signal)
    leads = Leads(store, signal, settings.platform)
    conflicts, status = Conflicts(store, leads, signal), Status(store, loops)
    rounds = (timing.ask_each, steady)
    lease_work = LeaseWork(store, signal, apply, timing.lease, timing.look_for_work, pace, *rounds)
    work, targets = Work(store, signal, settings.platform, waits, pace), Targets(store, arrivals, apply)
    quarantine = Quarantine(QuarantinedRequests.of(store.database, settings.quarantine), store.now)
    routing = RouterTiming(timing.route_all, timing.route_all_busy, timing.route_late, timing.failed_loop)
    served = Served(
        leads=LeadService(leads, EndLead(store, signal), Watch(store, stop), conflicts),
        lead_fields=LeadFieldService(LeadFields(store, targets.apply_types)),
        inbox=InboxService(Inbox(store, arrivals, CachedClock(store.now, steady).now), quarantine),
        work=WorkService(lease_work, work, targets, status, signal),
        plan=PlanService(Planning(store, settings.platform, waits)),
        conflicts=ConflictService(conflicts),
        matches=MatchService(Matches(store, signal), Duplicates(store)),
        sign_ins=SignInService(SignInCodes.of(store.database)),
    )
    router = Router(
        store, signal, arrivals, timing=routing, loops=loops, paused=lambda: space is not None and space.low
    )
    stripping = StripLoop(Strip(store, signal), timing.route_all, loops)
    return Services(served, router, References(store, timing.failed_loop), stripping, status, signal)


@contextmanager
def run(settings: Settings, stop: threading.Event) -> Iterator[int]:
    """Serve until the context ends; gives the port. Waits for the database before it serves.

    Raises TlsError, WrongServerError, NewerDataError or WrongKeyError, and at its end ThreadEndedError or
    NewerDataError if that is why `stop` was set.
    """
    threads = VitalThreads(stop, plain=(NewerDataError,))
    tls = Renewed(settings.tls) if settings.tls else None
    with ExitStack() as stack:
        client = stack.enter_context(connect(settings.mongo_url, settings.tls.ca if settings.tls else None))
        process = f"{socket.gethostname()}:{settings.port or os.getpid()}"
        timing, key = settings.timing, settings.identity_key
        store = Store.of(client, settings.database, key, settings.retention, process, timing.silent)
        loops, signs, space = Loops(), LifeSigns(store, timing.lease), _free_space(store, settings)
        health = HealthWatch(
            *(signs.give, lambda: _prepare(store, settings, signs), timing.heartbeat, loops.turns.late),
            has_room=lambda: _has_room(space),
        )
        if not health.wait_for_database(stop):
            yield 0
            return
        built = build(store, settings, stop, loops=loops, space=space)
        router, references, stripping = built.router, built.references, built.stripping
        stack.enter_context(threads.running("news", built.signal.run, built.signal.close, STOP_SECONDS))
        stack.enter_context(threads.running("router", router.run, router.close, STOP_SECONDS))
        stack.enter_context(threads.running("references", references.run, references.close, STOP_SECONDS, ends=True))
        stack.enter_context(threads.running("erasing", stripping.run, stripping.close, STOP_SECONDS))
        address = f"{settings.host}:{settings.port}"
        port = stack.enter_context(serve(address, health, built.served, space, STOP_SECONDS, tls))
        stack.enter_context(threads.running("health", health.run, health.close, STOP_SECONDS))
        if settings.metrics_port:
            Metrics(built.status, tls).serve(settings.host, settings.metrics_port, stack)
        yield port
    threads.check()


def _free_space(store: Store, settings: Settings) -> FreeSpace:
    folder = settings.database_folder
    measure = (lambda: of_folder(folder)) if folder else (lambda: of_server(store.database))
    return FreeSpace(measure, settings.least_free)


def _has_room(space: FreeSpace) -> bool:
    space.look()
    return not space.low


def _prepare(store: Store, settings: Settings, signs: LifeSigns) -> None:
    """Make the database ready. First, what a predecessor that died has left locked is released.

    Data of an earlier version is upgraded. Raises WrongServerError for a server that will never do, NewerDataError for
    data of a newer version, and WrongKeyError for a database that another key was used on.
    """
    try:
        check_server(store.client, settings.mongo_url)
        refuse_newer(store.database)
        check_key(store.database, settings.identity_key, accept_new=settings.accept_new_keys)
        upgrade(store.database)
        signs.correct_times()
        store.processes.end_predecessor()
        ensure_indexes(store.database)
    except PyMongoError as error:
        if (wrong := refusal(error, settings.database)) is not None:
            raise wrong from None
        raise
