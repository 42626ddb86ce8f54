import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from integration.gateway.doubles.connector import FakeConnector, serve_connector
from integration.gateway.doubles.store import Store
from integration.gateway.harness import HOOK, body_of, environment, event, sign, until
from webhook_gateway import bootstrap
from webhook_gateway.settings import Settings

pytestmark = pytest.mark.anyio


async def _start(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "webhook_gateway",
        env={"PATH": "/usr/bin:/bin"} | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _listening(process: asyncio.subprocess.Process, number: int) -> list[int]:
    """Wait until so many processes listen; their ids."""
    assert process.stdout is not None
    found: list[int] = []
    async with asyncio.timeout(30):
        while len(found) < number:
            line: dict[str, Any] = json.loads(await process.stdout.readline())
            if line["event"] == "webhook-gateway listens":
                found.append(line["pid"])
    return found


@asynccontextmanager
async def _two(store: Store, port: int, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int]]]:
    """Run a gateway of two processes; it has ended when the block does, at the latest."""
    changes = {"GATEWAY_PORT": str(port), "GATEWAY_PROCESSES": "2", "TMPDIR": str(folder)}
    process = await _start(environment(store.port, store.port, **changes))
    try:
        yield process, await _listening(process, 2)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _post(port: int, number: int) -> int:
    """Send a webhook over a connection of its own; the status."""
    body = body_of(event(objectId=number))
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.post(f"http://127.0.0.1:{port}{HOOK}", content=body, headers=sign(body))).status_code


async def _is_kept(port: int) -> bool:
    try:
        return await _post(port, 0) == 200
    except httpx.TransportError:
        return False


async def _accepted(port: int) -> float:
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    name = 'leadsync_gateway_events_total{outcome="accepted",provider="hubspot"} '
    return next(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


async def _all_accepted(port: int, number: int) -> bool:
    """Whether so many events are counted, whichever process answers: they are counted just after their answer."""
    return {await _accepted(port) for _ in range(8)} == {float(number)}


async def test_two_processes_are_one_gateway(free_tcp_port: int, tmp_path: Path) -> None:
    """They share the port and the counters; one that dies is replaced, and a stop ends both with code 0."""
    store, port = Store(), free_tcp_port
    async with store.serve(), _two(store, port, tmp_path) as (process, workers):
        other = await _start(environment(store.port, store.port, GATEWAY_PORT=str(port), GATEWAY_PROCESSES="2"))
        assert await asyncio.wait_for(other.wait(), 20) == 1  # another gateway cannot share the port
        statuses = [await _post(port, number) for number in range(1, 41)]
        assert statuses == [200] * 40
        await until(lambda: _all_accepted(port, 40))
        os.kill(workers[0], signal.SIGKILL)
        assert set(await _listening(process, 1)).isdisjoint(workers)
        await until(lambda: _is_kept(port))
        await until(lambda: _all_accepted(port, 41))  # of the one that died too
        process.send_signal(signal.SIGTERM)
        output, errors = await asyncio.wait_for(process.communicate(), 8)
        assert (process.returncode, errors) == (0, b"")
        assert b'"all processes have ended"' in output.splitlines()[-1]
        assert len(store.inbox.kept) == 41


async def test_a_process_that_hangs_is_replaced(free_tcp_port: int, tmp_path: Path) -> None:
    """One that was stopped keeps its connections waiting. It is killed, and another one serves in its place."""
    store, port = Store(), free_tcp_port
    async with store.serve(), _two(store, port, tmp_path) as (process, workers):
        os.kill(workers[0], signal.SIGSTOP)
        assert process.stdout is not None
        async with asyncio.timeout(240):
            line = json.loads(await process.stdout.readline())
        assert (line["event"], line["pid"]) == ("a process gives no sign of life and is killed", workers[0])
        assert set(await _listening(process, 1)).isdisjoint(workers)
        assert await _post(port, 1) == 200


async def test_no_process_outlives_its_parent(free_tcp_port: int, tmp_path: Path) -> None:
    """When the parent is killed, the others end by themselves and leave the port."""
    store, port = Store(), free_tcp_port
    async with store.serve(), _two(store, port, tmp_path) as (process, _):
        process.kill()
        await process.wait()
        await until(lambda: _is_refused(port))


async def _is_refused(port: int) -> bool:
    try:
        await _post(port, 1)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False
    return False


async def _alive(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/livez")).status_code == 200
    except httpx.ConnectError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_answers_what_is_on_its_way(number: signal.Signals, free_tcp_port: int) -> None:
    """On SIGTERM or SIGINT a webhook that is being kept is still acknowledged, then the process ends with 0."""
    store = Store()
    async with store.serve(), serve_connector(FakeConnector()) as connector_port:
        ports = environment(store.port, connector_port, GATEWAY_PORT=str(free_tcp_port))
        process = await _start(ports)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_tcp_port}", trust_env=False) as http:
            await until(lambda: _alive(http), 20)
            store.inbox.gate.clear()
            body = body_of(event())
            posting = asyncio.create_task(http.post(HOOK, content=body, headers=sign(body)))
            await store.inbox.wait_calls(1)
            process.send_signal(number)
            await asyncio.sleep(0.2)  # so that the stop has begun when the store answers
            store.inbox.gate.set()
            assert (await posting).json() == {"accepted": 1, "duplicates": 0}
        output, errors = await asyncio.wait_for(process.communicate(), 8)
        assert (process.returncode, errors) == (0, b"")
        lines = output.decode().splitlines()
        assert '"webhook-gateway listens"' in lines[0]
        assert '"webhook-gateway has stopped"' in lines[-1]


async def test_event_lines(free_tcp_port: int) -> None:
    """Each kept event is logged in the words that people look for, one JSON object a line, without its values."""
    store = Store()
    async with store.serve():
        process = await _start(environment(store.port, store.port, GATEWAY_PORT=str(free_tcp_port)))
        changed = event(subscriptionType="contact.propertyChange", objectId=7, propertyValue="ann@example.com")
        body = body_of(event(objectId=12345), changed)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_tcp_port}", trust_env=False) as http:
            await until(lambda: _alive(http), 20)
            assert (await http.post(HOOK, content=body, headers=sign(body))).status_code == 200
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.wait_for(process.communicate(), 8)
    lines = [json.loads(line) for line in output.splitlines()]
    first, second = (line for line in lines if "account_id" in line)
    assert first["event"] == "HubSpot Webhook: contact.creation for contact 12345"
    assert second["event"] == "HubSpot Webhook: contact.propertyChange for contact 7"
    assert (first["level"], first["account_id"], first["source"]) == ("info", "48975575", "INTEGRATION:39522895")
    assert b"ann@example.com" not in output


async def test_wrong_settings_are_told_together() -> None:
    """A wrong configuration ends with 2 and names every fault on stderr, without any secret."""
    wrong = {
        "GATEWAY_PORT": "x",
        "API_URL": "ftp://x",
        "HUBSPOT_CLIENT_SECRET": "app:hush",
        "LEADSYNC_TOKEN_KEY": "hush",
    }
    process = await _start(wrong)
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, output) == (2, b"")
    assert all(name.encode() in errors for name in wrong)
    assert b"hush" not in errors


async def test_a_taken_port() -> None:
    """A port that is taken ends the process with 1 and a plain sentence."""
    store = Store()
    async with store.serve():
        process = await _start(environment(store.port, store.port, GATEWAY_PORT=str(store.port)))
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 1
        assert b"cannot listen on 127.0.0.1" in errors


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_a_port_of_its_own_serves_webhooks_and_health_alone(
    free_tcp_port_factory: Callable[[], int], processes: str
) -> None:
    """It is for the Internet: nothing else is there, whatever the headers say, and the other port serves everything."""
    store, port, public = Store(), free_tcp_port_factory(), free_tcp_port_factory()
    changes = {"GATEWAY_PORT": str(port), "GATEWAY_WEBHOOK_PORT": str(public), "GATEWAY_PROCESSES": processes}
    async with store.serve():
        process = await _start(environment(store.port, store.port, **changes))
        try:
            await _listening(process, int(processes))
            async with httpx.AsyncClient(trust_env=False) as http:
                for path in ("/livez", "/readyz", HOOK):
                    assert (await http.get(f"http://127.0.0.1:{public}{path}")).status_code == 200, path
                for path in ("/", "/ui", "/ui/login", "/api/v1/leads", "/metrics", "/openapi.json", "/ui/files/x/y"):
                    for headers in ({}, {"host": f"127.0.0.1:{port}", "x-forwarded-port": str(port)}):
                        answer = await http.get(f"http://127.0.0.1:{public}{path}", headers=headers)
                        assert (answer.status_code, answer.json()["reason"]) == (404, "route_not_found"), path
                    assert (await http.get(f"http://127.0.0.1:{port}{path}")).status_code != 404 or "files" in path
            assert [await _post(one, number) for number, one in enumerate((public, port), 1)] == [200, 200]
        finally:
            process.terminate()
            await process.communicate()
        assert len(store.inbox.kept) == 2


async def test_a_gateway_without_its_background_work_ends(free_tcp_port: int) -> None:
    """When what stores refused requests has ended, the gateway ends too, so that it is started again."""
    settings = Settings.from_env(environment(1, 1, GATEWAY_PORT=str(free_tcp_port)))
    with bootstrap.listening(settings) as sockets:
        running = asyncio.create_task(bootstrap.run(settings, asyncio.Event(), sockets))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_tcp_port}", trust_env=False) as http:
            await until(lambda: _alive(http))
        for task in asyncio.all_tasks():
            if getattr(task.get_coro(), "__qualname__", "") == "Quarantine.run":
                task.cancel()
        async with asyncio.timeout(60):
            with pytest.raises(asyncio.CancelledError):
                await running
