"""Sends a flood, and counts what is answered."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from flood.kinds import Piece

AT_ONCE = 128  # connections that wait for an answer
ANSWER_SECONDS = 60.0
ADDRESSES = 64  # of senders, 127.0.1.1 and so on, none of which sends anything good
_STATUS_LENGTH = len(b"HTTP/1.1 200 ")
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass(slots=True)
class Sent:
    """What was sent, by kind, and what was answered, by status; 0 = the connection ended without an answer."""

    requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


async def send_flood(port: int, pieces: Iterable[tuple[str, Piece]], chance: Random) -> Sent:
    """Send everything; what is held stays open until the end."""
    sent, room = Sent(), asyncio.Semaphore(AT_ONCE)
    held: list[asyncio.StreamWriter] = []

    async def one(kind: str, piece: Piece) -> None:
        try:
            statuses = await _send(port, piece, f"127.0.1.{chance.randrange(ADDRESSES) + 1}", held)
        finally:
            room.release()
        sent.requests[kind] += piece.requests
        sent.answers.update((kind, status) for status in statuses)

    async with asyncio.TaskGroup() as tasks:
        for kind, piece in pieces:
            await room.acquire()
            tasks.create_task(one(kind, piece))
    for writer in held:
        writer.transport.abort()
    return sent


async def _send(port: int, piece: Piece, address: str, held: list[asyncio.StreamWriter]) -> list[int]:
    """Send a piece from an address; the statuses of its answers."""
    found: list[int] = []
    writer = None
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            writer.write(piece.sent)
            if piece.held:
                held.append(writer)
                await writer.drain()
                return []
            await _read(reader, found, piece.requests)
    if writer is not None and not piece.held:
        writer.transport.abort()
    return found or [0]


async def _read(reader: asyncio.StreamReader, found: list[int], answers: int) -> None:
    """Read until so many answers have begun, or the connection ends; their statuses."""
    rest = b""
    while len(found) < answers and (part := await reader.read(65_536)):
        found += map(int, _STATUS.findall(rest + part))
        rest = (rest + part)[-_STATUS_LENGTH + 1 :]
