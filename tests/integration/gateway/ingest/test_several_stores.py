import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from integration.gateway.doubles.store import Store
from integration.gateway.harness import RunningGateway, body_of, event, run_gateway, until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _two_stores() -> AsyncIterator[tuple[RunningGateway, Store, Store, AsyncExitStack]]:
    """Run a gateway before two lead-stores, both known to it; closing the stack stops the first."""
    one, other = Store(), Store()
    async with other.serve(), AsyncExitStack() as stopping:
        await stopping.enter_async_context(one.serve())
        async with run_gateway(LEAD_STORE_URL=f"127.0.0.1:{one.port},127.0.0.1:{other.port}") as gateway:

            async def both_are_asked() -> bool:
                assert await _post(gateway, 0) == 200
                return bool(one.inbox.calls and other.inbox.calls)

            await until(both_are_asked)
            yield gateway, one, other, stopping


async def _post(gateway: RunningGateway, number: int) -> int:
    return (await gateway.post(body_of(event(objectId=number)))).status_code


async def test_several_stores_are_asked_in_turn() -> None:
    """With two lead-stores each gets half of the calls; when one goes away, the other gets all of them."""
    async with _two_stores() as (gateway, one, other, stopping):
        calls = [len(store.inbox.calls) for store in (one, other)]
        assert {await _post(gateway, number) for number in range(1, 21)} == {200}
        assert [len(store.inbox.calls) for store in (one, other)] == [calls[0] + 10, calls[1] + 10]
        await stopping.aclose()
        assert {await _post(gateway, number) for number in range(21, 41)} == {200}
        assert len(one.inbox.kept.keys() | other.inbox.kept.keys()) == 41


async def test_what_one_store_leaves_unanswered_the_other_is_asked() -> None:
    """A webhook whose lead-store goes away in the middle of the call is kept by another one, and acknowledged."""
    async with _two_stores() as (gateway, one, other, stopping):
        for store in (one, other):
            store.inbox.gate.clear()
        calls = len(one.inbox.calls)
        tasks = [asyncio.create_task(_post(gateway, number)) for number in (1, 2)]
        await one.inbox.wait_calls(calls + 1)
        other.inbox.gate.set()
        await stopping.aclose()
        assert await asyncio.gather(*tasks) == [200, 200]
        assert len(other.inbox.kept) >= 2
