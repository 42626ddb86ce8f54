"""Everything that lead-store is made of, built in one place and closed in reverse order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from lead_store.mongo.client import connect
from lead_store.mongo.indexes import ensure_indexes
from lead_store.mongo.store import Store
from lead_store.rpc.health import HealthWatch
from lead_store.rpc.inbox_service import InboxService
from lead_store.rpc.lead_service import LeadService
from lead_store.rpc.server import serve
from lead_store.rpc.sync_service import SyncService
from lead_store.settings import Settings
from lead_store.usecases.conflicts import Conflicts
from lead_store.usecases.inbox import Inbox
from lead_store.usecases.leads import Leads
from lead_store.usecases.lease import LeaseWork, WorkBell
from lead_store.usecases.router import Router
from lead_store.usecases.status import Status
from lead_store.usecases.targets import Targets
from lead_store.usecases.watch import Watch
from lead_store.usecases.work import Work

STOP_SECONDS = 3.0


@contextmanager
def run(settings: Settings, stop: threading.Event) -> Iterator[int]:
    """Serve until the context ends; gives the port. Waits for the database before it serves."""
    with ExitStack() as stack:
        client = stack.enter_context(connect(settings.mongo_url))
        store = Store.of(client, settings.database, settings.identity_key)
        health = HealthWatch(store.now, lambda: ensure_indexes(store.database))
        if not health.wait_for_database(stop):
            yield 0
            return
        bell, kept = WorkBell(), threading.Event()
        router = Router(store, bell, kept)
        stack.enter_context(_thread("router", router.run, router.close))
        writing = Leads(store, bell, settings.platform)
        conflicts = Conflicts(store, writing, bell)
        leads = LeadService(writing, Watch(store, stop), conflicts)
        inbox = InboxService(Inbox(store, kept))
        lease_work, work = LeaseWork(store, bell, settings.lease), Work(store, bell, settings.platform)
        sync = SyncService(lease_work, work, conflicts, Targets(store), Status(store))
        address = f"{settings.host}:{settings.port}"
        port = stack.enter_context(serve(address, health, leads, inbox, sync, STOP_SECONDS))
        stack.enter_context(_thread("health", health.run, health.close))
        yield port


@contextmanager
def _thread(name: str, run_loop: Callable[[], None], close: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=run_loop, name=name)
    thread.start()
    try:
        yield
    finally:
        close()
        thread.join(STOP_SECONDS)
