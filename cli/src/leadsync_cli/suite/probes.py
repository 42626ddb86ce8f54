"""How to see from outside that a component is ready. Each probe asks once and waits two seconds at most."""

import asyncio
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from leadsync_cli.suite.component import Probe

ASK_SECONDS = 2.0


def mongo_probe(url: str) -> Probe:
    """Ready = it answers `hello` as a server that takes writes."""

    async def ask() -> bool:
        milliseconds = int(ASK_SECONDS * 1000)
        try:
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
                url, serverSelectionTimeoutMS=milliseconds, timeoutMS=milliseconds
            )
            async with client:
                answer = await client.admin.command("hello")
        except PyMongoError:
            return False
        return bool(answer.get("isWritablePrimary"))

    return ask


def grpc_probe(port: int) -> Probe:
    """Ready = the standard health service answers SERVING for the whole server."""

    async def ask() -> bool:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            try:
                answer = await check(health_pb2.HealthCheckRequest(), timeout=ASK_SECONDS)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return ask


def http_probe(url: str) -> Probe:
    """Ready = a GET answers 200."""

    async def ask() -> bool:
        async with httpx.AsyncClient(trust_env=False, timeout=ASK_SECONDS) as client:
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
