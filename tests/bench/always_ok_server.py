"""A server that answers every request with 200 and does nothing else: `python always_ok_server.py PORT`."""

import asyncio
import sys
from typing import cast

import uvloop

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 29\r\n\r\n{"accepted":1,"duplicates":0}'


class AlwaysOk(asyncio.Protocol):
    """Takes each chunk that arrives for one request: the generator's requests are small and come one at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, to answer on it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 (asyncio's name)
        """Answer 200."""
        self._transport.write(ANSWER)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(AlwaysOk, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
