"""Posts the deliveries that are due, each attempt with a new time and signature, and reports the results."""

import asyncio
import logging
import time

import httpx

from hubspot_simulator.core.outbox import Attempt, Delivery
from hubspot_simulator.core.signatures import signed_headers
from hubspot_simulator.core.simulator import Simulator

log = logging.getLogger(__name__)
_LONGEST_NAP = 5.0
_LONGEST_CALL = 60.0  # a net under delivery_timeout_seconds


class Sender:
    """One task that watches the outbox, and one for each request in flight."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._wake = asyncio.Event()
        self._client: httpx.AsyncClient | None = None
        self._running: set[asyncio.Task[None]] = set()

    def notify(self) -> None:
        """There may be something new to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        async with httpx.AsyncClient(limits=limits, timeout=_LONGEST_CALL, trust_env=False) as client:
            client.headers = httpx.Headers()
            self._client = client
            try:
                while True:
                    self._wake.clear()
                    self._start_due()
                    await self._nap()
            finally:
                for task in self._running:
                    task.cancel()
                await asyncio.gather(*self._running, return_exceptions=True)

    async def attempt(self, delivery: Delivery) -> Attempt:
        """POST a delivery once and settle it."""
        simulator = self._simulator
        secret, body = delivery.app.client_secret, delivery.body()
        # Signed with wall time, not with simulated time, since receivers compare it with their own clock.
        headers = signed_headers(secret, delivery.url, body, int(time.time() * 1000))
        outbox, started, at_ms = simulator.outbox, time.perf_counter(), simulator.clock.now_ms()
        status, error = None, None
        try:
            async with asyncio.timeout(simulator.behaviour.delivery_timeout_seconds):
                status = await self._post(delivery.url, body, headers)
        except TimeoutError:
            error = "timeout"
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            error = f"{type(failure).__name__}: {failure}"
        duration_ms = int((time.perf_counter() - started) * 1000)
        attempt = Attempt(len(delivery.attempts), at_ms, duration_ms, status, error)
        outbox.settle(delivery, attempt, simulator.clock.now_ms())
        return attempt

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        if self._client is None:
            raise httpx.ConnectError("the sender is not running")
        answer = await self._client.post(url, content=body, headers=headers)
        return answer.status_code

    def _start_due(self) -> None:
        for delivery in self._simulator.outbox.take_due(self._simulator.clock.now_ms()):
            task = asyncio.create_task(self._send(delivery))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _send(self, delivery: Delivery) -> None:
        try:
            await self.attempt(delivery)
        except Exception:
            log.exception("delivery %s failed in the simulator itself", delivery.id)
        finally:
            self._wake.set()

    async def _nap(self) -> None:
        """Sleep until something is due or happens. Simulated and wall seconds are equally long."""
        due_ms = self._simulator.outbox.next_due_ms()
        seconds = _LONGEST_NAP
        if due_ms is not None:
            seconds = min(seconds, max(0.001, (due_ms - self._simulator.clock.now_ms()) / 1000))
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
