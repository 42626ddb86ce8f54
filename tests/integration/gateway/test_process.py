import asyncio
import json
import signal
import sys

import httpx
import pytest
from integration.gateway.doubles import FakeConnector, Store, serve_connector
from integration.gateway.harness import HOOK, body_of, environment, event, sign, until

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
