"""Standing loops: what goes on by itself for an integration, in lead-store and in crm-connector."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import grpc
from leadsync.integration.v1 import integration_service_pb2 as pb
from leadsync.integration.v1.integration_service_pb2_grpc import IntegrationServiceStub
from msgspec import Struct

from webhook_gateway.providers.base import Check
from webhook_gateway.rpc.calls import Client
from webhook_gateway.rpc.errors import ServiceProblem
from webhook_gateway.rpc.messages import plain
from webhook_gateway.rpc.names import http_text

_FAILED_AFTER = timedelta(minutes=15)  # as the doctor of crm-connector has it
_FIX = "It is tried again by itself. Look for the error in lead-store's log."


class LoopState(Struct, rename="camel"):
    """How a standing loop fares; `failingSince` is null if its last attempt succeeded.

    `name`: sweep, archive_pass (search for removed records), stream, subscription_renewal, token_refresh, settings
    (published to lead-store), routing (of deliveries), applying (of changed settings). `reason` and `message` are those
    of the last error.
    """

    name: str
    last_success_at: datetime | None
    last_error_at: datetime | None
    failing_since: datetime | None
    reason: str | None
    message: str | None


class Loops(Client):
    """Reads the states of crm-connector's loops."""

    service = "connector"

    def __init__(self, connector: grpc.aio.Channel) -> None:
        self._stub = IntegrationServiceStub(connector)

    async def known(self, tenant: str, integration_id: str) -> list[LoopState]:
        """List the loops of an integration that have run; none while crm-connector does not answer or know it."""
        request = pb.ListLoopsRequest(tenant_id=tenant, integration_id=integration_id)
        try:
            found = (await self.call(self._stub.ListLoops, request)).loops
        except ServiceProblem:
            return []
        return [plain(item, LoopState, message=http_text(item.message) or None) for item in found]


def checks_of(states: Iterable[LoopState], now: datetime) -> list[Check]:
    """Say how lead-store's loops fare, as the doctor does."""
    return [_check(state, now) for state in states]


def _check(state: LoopState, now: datetime) -> Check:
    last = f"It last succeeded at {_at(state.last_success_at)}." if state.last_success_at else "It has never succeeded."
    if state.failing_since is None:
        error = f" The last error was at {_at(state.last_error_at)}." if state.last_error_at else ""
        return Check(state.name, "ok", f"It works. {last}{error}")
    finding = f"It has been failing since {_at(state.failing_since)}: {state.message} {last}"
    return Check(state.name, "failed" if now - state.failing_since >= _FAILED_AFTER else "warning", finding, _FIX)


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"
