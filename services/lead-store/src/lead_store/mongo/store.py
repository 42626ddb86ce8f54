"""All collections of lead-store on one page."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from lead_store.domain.work_item import WorkItemTouch
from lead_store.mongo.applying import Applying
from lead_store.mongo.client import Document, open_database, server_now
from lead_store.mongo.counters import Counters
from lead_store.mongo.decisions import Decisions
from lead_store.mongo.deliveries import Deliveries
from lead_store.mongo.erasures import Erasures
from lead_store.mongo.identities import Identities
from lead_store.mongo.lead_fields import LeadFields
from lead_store.mongo.leads import Leads
from lead_store.mongo.processes import Processes
from lead_store.mongo.ready_work import ReadyWork
from lead_store.mongo.shown_deliveries import ShownDeliveries
from lead_store.mongo.targets import Targets
from lead_store.mongo.tombstones import Tombstones
from lead_store.mongo.transaction import TRIES, Contended, transact
from lead_store.mongo.work_items import WorkItems
from lead_store.mongo.work_lists import WorkLists

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Store:
    """The collections."""

    client: MongoClient[Document]
    database: Database[Document]
    targets: Targets
    applying: Applying
    leads: Leads
    work_items: WorkItems
    ready_work: ReadyWork
    work_lists: WorkLists
    deliveries: Deliveries
    shown_deliveries: ShownDeliveries
    decisions: Decisions
    identities: Identities
    counters: Counters
    tombstones: Tombstones
    erasures: Erasures
    processes: Processes
    lead_fields: LeadFields

    @classmethod
    def of(
        cls,
        client: MongoClient[Document],
        name: str,
        identity_key: bytes,
        retention: timedelta = timedelta(days=30),
        process: str = "",
        silent: timedelta = timedelta(seconds=15),
    ) -> "Store":
        """The store in a database of this name.

        Deliveries are kept for `retention`. `process` names who uses the store; another process that is `silent` for so
        long is gone.
        """
        database = open_database(client, name)
        identities = Identities.of(database, identity_key)
        targets, tombstones = Targets.of(database), Tombstones.of(database, identities)
        return cls(
            client,
            database,
            targets,
            Applying.of(database),
            Leads.of(database),
            WorkItems.of(database),
            ReadyWork.of(database),
            WorkLists.of(database),
            Deliveries.of(database, retention),
            ShownDeliveries.of(database, targets, tombstones),
            Decisions.of(database),
            identities,
            Counters.of(database),
            tombstones,
            Erasures.of(database),
            Processes.of(database, process or uuid.uuid4().hex, silent),
            LeadFields.of(database),
        )

    def now(self) -> datetime:
        """The database's clock."""
        return server_now(self.database)

    def transact(self, work: Callable[[ClientSession], Result], tries: int = TRIES) -> Result:
        """Run `work` in a transaction. Raises Contended if it lost against others every time."""
        return transact(self.client, work, tries, self.processes.note)

    def touch_together(self, touches: list[WorkItemTouch]) -> None:
        """Make work items due in one transaction; one by one if others keep changing them.

        Outside of a transaction the embedded server waits for the disk after each write, and recording waits as well.
        """
        self.at_once(lambda session: self.work_items.touch(touches, session), together=len(touches) > 1)

    def at_once(self, work: Callable[[ClientSession | None], Result], *, together: bool = True) -> Result:
        """Do something in one transaction, or without one if others keep changing the same documents."""
        if together:
            with suppress(Contended, BulkWriteError):
                return self.transact(work, tries=2)
        return work(None)
