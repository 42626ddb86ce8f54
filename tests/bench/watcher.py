"""Watches the leads: when each value came out of WatchLeads."""

import threading
import time
from contextlib import suppress

import grpc
from leadsync.lead.v1 import lead_service_pb2

from bench.store import TENANT, StoreClient


class Watcher(threading.Thread):
    """Notes when each value came out of WatchLeads."""

    def __init__(self, store: StoreClient) -> None:
        super().__init__(name="watcher", daemon=True)
        self.seen: dict[str, float] = {}
        request = lead_service_pb2.WatchLeadsRequest(tenant_id=TENANT)
        self._changes = store.leads.WatchLeads(request)
        next(self._changes)  # the first message: from here on no change is missed

    def run(self) -> None:
        """Note the time of each new company name, until stopped."""
        with suppress(grpc.RpcError):
            for change in self._changes:
                if change.HasField("lead"):
                    self.seen.setdefault(change.lead.company, time.time())

    def stop(self) -> None:
        """End the stream."""
        self._changes.cancel()
