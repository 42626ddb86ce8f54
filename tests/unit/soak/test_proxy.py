"""The soak's links carry bytes, and stop on command."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from leadsync_cli.suite.ports import free_ports
from soak.proxy import Link


@asynccontextmanager
async def echo_behind_a_link() -> AsyncIterator[Link]:
    """Give a link to a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(100):
                writer.write(data)
        writer.close()

    port, target = free_ports(2)
    link = Link("test", port, target)
    async with await asyncio.start_server(echo, "127.0.0.1", target), link.serving():
        yield link


async def ask(link: Link) -> bytes:
    """Send a word and read it back; empty if the connection broke."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"hello")
        answer = await reader.read(100)
        writer.close()
    except ConnectionError:
        return b""
    return answer


def run(check: Callable[[Link], Awaitable[None]]) -> None:
    """Run a check on a link."""

    async def main() -> None:
        async with echo_behind_a_link() as link:
            await check(link)

    asyncio.run(main())


def test_a_link_carries_bytes_both_ways() -> None:
    """What goes in comes back."""

    async def check(link: Link) -> None:
        assert await ask(link) == b"hello"

    run(check)


def test_a_cut_link_refuses_and_recovers() -> None:
    """While it is cut every connection breaks; afterwards it carries again."""

    async def check(link: Link) -> None:
        cut = asyncio.create_task(link.cut(0.3))
        await asyncio.sleep(0)
        assert await ask(link) == b""
        await cut
        assert await ask(link) == b"hello"

    run(check)


@pytest.mark.parametrize("how", ["frozen", "slow"])
def test_a_frozen_or_slow_link_is_late_but_loses_nothing(how: str) -> None:
    """The answer comes once the link moves again."""

    async def check(link: Link) -> None:
        fault = link.freeze(0.2) if how == "frozen" else link.slow(0.2, 0.2)
        lasting = asyncio.create_task(fault)
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(answer := asyncio.ensure_future(ask(link))), 0.1)
        assert await answer == b"hello"
        await lasting

    run(check)
