"""Keeping all components running until a stop is requested; each starts after those that it needs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from leadsync_cli.suite.component import Component, Patience
from leadsync_cli.suite.events import Reporter
from leadsync_cli.suite.keeper import Keeper


class Supervisor:
    """Starts components once those that they come after are ready; stops them in reverse order."""

    def __init__(
        self, components: Sequence[Component], log_dir: Path, reporter: Reporter, patience: Patience | None = None
    ) -> None:
        self._keepers = {c.name: Keeper(c, log_dir, reporter, patience or Patience()) for c in components}
        self._reporter = reporter
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    def request_stop(self) -> None:
        """Ask for an orderly stop; asking again kills what still runs."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def run(self, when_ready: Callable[[], Awaitable[None]]) -> None:
        """Run until `request_stop`; call `when_ready` once after every component has become ready.

        Raises CannotStartError, and whatever `when_ready` raises. Leaves no process behind in any case.
        """
        stop = asyncio.create_task(self._stop.wait())
        keeping = [asyncio.create_task(self._keep(keeper)) for keeper in self._keepers.values()]
        greeting = asyncio.create_task(self._greet(when_ready))
        try:
            await self._until_stop(stop, [*keeping, greeting])
        finally:
            for task in (stop, greeting, *keeping):
                task.cancel()
            await asyncio.gather(stop, greeting, *keeping, return_exceptions=True)
            self._reporter.report("stopping")
            for keeper in reversed(self._keepers.values()):
                await keeper.stop(self._hurry)
            self._reporter.report("stopped")

    async def _until_stop(self, stop: asyncio.Task[bool], tasks: list[asyncio.Task[None]]) -> None:
        """Return when a stop is requested; raise as soon as a task fails."""
        waiting: set[asyncio.Task[None] | asyncio.Task[bool]] = {stop, *tasks}
        while not stop.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _keep(self, keeper: Keeper) -> None:
        for name in keeper.component.after:
            await self._keepers[name].ready.wait()
        await keeper.keep()

    async def _greet(self, when_ready: Callable[[], Awaitable[None]]) -> None:
        for keeper in self._keepers.values():
            await keeper.ready.wait()
        await when_ready()
