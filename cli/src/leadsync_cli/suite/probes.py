"""How to see from outside that a component is ready, or at least answers. Each probe asks once, for a few seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from leadsync_cli.suite.component import Probe
from leadsync_cli.suite.tls import open_channel

ASK_SECONDS = 2.0
ANSWER_SECONDS = 5.0  # what does not answer is replaced, so a busy machine gets more time for it


def mongo_probe(url: str, password: str = "") -> Probe:
    """Ready = it answers `hello` as a server that takes writes. The address may name a user without a password."""

    async def ask(client: AsyncMongoClient[dict[str, Any]]) -> bool:
        return bool((await client.admin.command("hello")).get("isWritablePrimary"))

    return _asking_mongo(url, ask, ASK_SECONDS, password)


def mongo_answers(url: str) -> Probe:
    """Answers = it can read. After a full disk the embedded server still says `hello`, but nothing else."""

    async def ask(client: AsyncMongoClient[dict[str, Any]]) -> bool:
        await client.local.startup_log.find_one({}, {"_id": 1})
        return True

    return _asking_mongo(url, ask, ANSWER_SECONDS)


def _asking_mongo(
    url: str,
    question: Callable[[AsyncMongoClient[dict[str, Any]]], Awaitable[bool]],
    seconds: float,
    password: str = "",
) -> Probe:
    async def ask() -> bool:
        milliseconds = int(seconds * 1000)
        login: dict[str, Any] = {"password": password} if password else {}
        try:
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                url,
                serverSelectionTimeoutMS=milliseconds,
                timeoutMS=milliseconds,
                **login,
            )
            async with client:
                return await question(client)
        except PyMongoError:
            return False

    return ask


def grpc_probe(port: int, tls: Path | None = None) -> Probe:
    """Ready = the standard health service answers SERVING for the whole server."""

    async def ask() -> bool:
        return await _health(port, ASK_SECONDS, tls) == health_pb2.HealthCheckResponse.SERVING

    return ask


def grpc_answers(port: int, tls: Path | None = None) -> Probe:
    """Answers = the standard health service says anything, even that the server cannot be used now."""

    async def ask() -> bool:
        return await _health(port, ANSWER_SECONDS, tls) is not None

    return ask


async def _health(port: int, seconds: float, tls: Path | None) -> int | None:
    """Return what the standard health service says; None if it does not answer. `tls` is the folder of its files."""
    async with open_channel(port, tls) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            return int((await check(health_pb2.HealthCheckRequest(), timeout=seconds)).status)
        except grpc.aio.AioRpcError:
            return None


def http_probe(url: str, seconds: float = ASK_SECONDS) -> Probe:
    """Ready, or answers = a GET answers 200."""

    async def ask() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=seconds) as client:
            try:
                answer = await client.get(url)
            except httpx.HTTPError:
                return False
            return answer.status_code == httpx.codes.OK

    return ask


async def until_ready(probe: Probe) -> None:
    """Return once the probe answers True; ask often at first, then four times a second."""
    pause = 0.05
    while not await probe():
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)
