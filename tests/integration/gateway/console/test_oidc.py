"""Signing in to the console at a real OpenID provider."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from integration.connector.processes import wait_until
from integration.gateway.harness import API_URL, TOKEN_KEY, run_gateway

pytestmark = pytest.mark.anyio
PEOPLE: list[dict[str, Any]] = [
    {"sub": "ada", "email": "ada@acme.example", "leadsync": "acme:operator"},
    {"sub": "team", "leadsync": ["other", "north:acme:viewer"]},
    {"sub": "nobody", "email": "nobody@acme.example"},
    {"sub": "root", "leadsync": "acme:root"},
]


@contextmanager
def provider(port: int, *arguments: str) -> Iterator[str]:
    """Run a provider that knows these people, in a process of its own; its address."""
    people = [part for one in PEOPLE for part in ("--user-claims", json.dumps(one))]
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), "-n", "true", *people, *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://localhost:{port}"
            wait_until(lambda: _answers(address))
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/.well-known/openid-configuration", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def issuer(free_tcp_port: int) -> Iterator[str]:
    """A provider."""
    with provider(free_tcp_port) as address:
        yield address


@dataclass
class Browser:
    """A browser as far as it matters: it keeps cookies, and goes where it is sent."""

    http: httpx.AsyncClient
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str) -> httpx.Response:
        """Open a page of the gateway."""
        answer = await self.http.get(path, headers={"cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())})
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return answer

    async def authorise(self, sub: str) -> str:
        """Begin, and say yes at the provider; the address to which it sends the browser back."""
        there = (await self.get("/ui/oidc/start")).headers["location"]
        async with httpx.AsyncClient(trust_env=False) as other:
            return (await other.post(there, data={"sub": sub})).headers["location"]

    async def back(self, address: str) -> httpx.Response:
        """Come back from the provider."""
        parts = urlsplit(address)
        return await self.get(f"{parts.path}?{parts.query}")


def settings(issuer: str, **more: str) -> dict[str, str]:
    """The settings of a client."""
    return {"OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "leadsync", "OIDC_CLIENT_SECRET": "s", **more}


def session_of(browser: Browser) -> dict[str, Any]:
    """What the cookie of the session says."""
    found: dict[str, Any] = jwt.decode(
        browser.cookies["__Host-leadsync_console"], TOKEN_KEY, algorithms=["HS256"], audience="leadsync-console"
    )
    return found


async def test_a_person_signs_in(issuer: str) -> None:
    """Tenant and role come from the claim, the name from the e-mail; the address and the code are proved (PKCE)."""
    async with run_gateway(**settings(issuer)) as gateway:
        browser = Browser(gateway.http)
        assert "Sign in with your organisation" in (await browser.get("/ui/login")).text
        there = (await browser.get("/ui/oidc/start")).headers["location"]
        asked = {name: values[0] for name, values in parse_qs(urlsplit(there).query).items()}
        assert asked["redirect_uri"] == f"{API_URL}/ui/oidc/callback"
        assert asked["code_challenge_method"] == "S256"
        assert {"openid", "profile", "email"} == set(asked["scope"].split())
        answer = await browser.back(await browser.authorise("ada"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui")
        found = session_of(browser)
        assert (found["tenant"], found["role"], found["sub"]) == ("acme", "operator", "ada@acme.example")
        assert browser.cookies["leadsync_oidc"] == ""

        await browser.back(await browser.authorise("team"))
        found = session_of(browser)
        assert (found["tenant"], found["role"], found["sub"]) == ("north:acme", "viewer", "team")


@pytest.mark.parametrize("sub", ["nobody", "root"])
async def test_who_has_no_role_stays_outside(issuer: str, sub: str) -> None:
    """A claim that is missing, or names a role that does not exist, is told in plain words."""
    async with run_gateway(**settings(issuer)) as gateway:
        browser = Browser(gateway.http)
        answer = await browser.back(await browser.authorise(sub))
        assert answer.status_code == 403
        assert "acme:operator" in answer.text
        assert "__Host-leadsync_console" not in browser.cookies


async def test_a_sign_in_belongs_to_its_browser(issuer: str) -> None:
    """Nobody can be signed in by an address that another browser was sent to, nor twice by the same one."""
    async with run_gateway(**settings(issuer)) as gateway:
        mine, other = Browser(gateway.http), Browser(gateway.http)
        address = await mine.authorise("ada")
        await other.get("/ui/oidc/start")
        for browser, place in ((other, address), (Browser(gateway.http), address), (mine, address + "x")):
            answer = await browser.back(place)
            assert answer.status_code == 401, place
            assert "__Host-leadsync_console" not in browser.cookies
        mine = Browser(gateway.http)
        address = await mine.authorise("ada")
        kept = dict(mine.cookies)
        assert (await mine.back(address)).status_code == 303
        again = Browser(gateway.http, kept)
        assert (await again.back(address)).status_code == 401


async def test_a_provider_that_is_away_is_told(free_tcp_port: int) -> None:
    """Links work meanwhile."""
    async with run_gateway(**settings(f"http://localhost:{free_tcp_port}")) as gateway:
        answer = await Browser(gateway.http).get("/ui/oidc/start")
        assert answer.status_code == 502
        assert "does not answer" in answer.text


async def test_an_expired_proof_is_refused(free_tcp_port: int) -> None:
    """The provider's proof of identity counts for as long as it says."""
    with provider(free_tcp_port, "-e", "-120") as address:
        async with run_gateway(**settings(address)) as gateway:
            browser = Browser(gateway.http)
            assert (await browser.back(await browser.authorise("ada"))).status_code == 401
