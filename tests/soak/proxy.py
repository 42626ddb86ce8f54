"""One TCP hop between two processes that can be cut, frozen or slowed. Lives in one event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 65_536


class Link:
    """A listening port that leads to another one, and what is wrong with it at the moment."""

    def __init__(self, name: str, port: int, target_port: int) -> None:
        self.name = name
        self.port = port
        self.connections_cut = 0
        self._target_port = target_port
        self._delay = 0.0
        self._cut = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Pass connections on until the block ends."""
        server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            self._break()
            self._flows.set()
            while self._carrying:
                await asyncio.wait(self._carrying)

    async def cut(self, seconds: float) -> None:
        """Break all connections and refuse new ones for a while."""
        self._cut = True
        self.connections_cut += len(self._open) // 2
        self._break()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._cut = False

    async def freeze(self, seconds: float) -> None:
        """Let nothing through for a while; connections stay."""
        self._flows.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flows.set()

    async def slow(self, seconds: float, delay: float) -> None:
        """Let everything through late for a while."""
        self._delay = delay
        try:
            await asyncio.sleep(seconds)
        finally:
            self._delay = 0.0

    def _break(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._accept(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it."""
        if self._cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, far_writer))
                both.create_task(self._carry(far_reader, writer))
        except* OSError:  # one side is gone: so is the other
            pass
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()
