"""A typed client of the control API, for tests and scripts."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]


class ControlError(Exception):
    """The control API refused; the message holds its answer."""


class ControlClient:
    """Controls the simulator: acts of people in HubSpot, faults of the network, and counts."""

    def __init__(self, base_url: str = "http://127.0.0.1:8090", portal_id: int | None = None) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30, trust_env=False)
        self._portal = {} if portal_id is None else {"portal_id": str(portal_id)}

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # A person in HubSpot

    def create_contact(self, properties: Mapping[str, str], **author: object) -> str:
        """Create a contact; returns its id. `author`: source, source_id, user_id."""
        return str(self._call("POST", "/contacts", {"properties": dict(properties), **author})["id"])

    def create_contacts(
        self, count: int = 0, prefix: str = "person", contacts: Sequence[Mapping[str, str]] | None = None
    ) -> list[str]:
        """Create many contacts: made-up ones, or the given ones; returns their ids."""
        body: Json = {"count": count, "prefix": prefix}
        if contacts is not None:
            body["contacts"] = [dict(one) for one in contacts]
        return [str(one) for one in self._call("POST", "/contacts/bulk", body)["ids"]]

    def edit_contact(self, contact_id: str, properties: Mapping[str, str], **author: object) -> Json:
        """Edit a contact; returns the whole of it. `author`: source, source_id, user_id."""
        return self._call("PATCH", f"/contacts/{contact_id}", {"properties": dict(properties), **author})

    def delete_contact(self, contact_id: str) -> None:
        """Put a contact into the archive."""
        self._call("DELETE", f"/contacts/{contact_id}")

    def restore_contact(self, contact_id: str) -> Json:
        """Restore a contact from the archive."""
        return self._call("POST", f"/contacts/{contact_id}/restore")

    def merge(self, primary_id: str, other_id: str) -> str:
        """Merge the other contact into the primary one; returns the id of the result."""
        body = {"primaryObjectId": primary_id, "objectIdToMerge": other_id}
        return str(self._call("POST", "/contacts/merge", body)["id"])

    def gdpr_delete(self, contact_id: str) -> None:
        """Delete a contact for good."""
        self._call("POST", f"/contacts/{contact_id}/gdpr-delete")

    def contacts(self, archived: bool = False) -> list[Json]:
        """Every contact with all its properties; with `archived`, those in the archive too."""
        found = self._call("GET", "/contacts", query={"archived": "true"} if archived else {})["results"]
        return list(found)

    def contact(self, contact_id: str) -> Json:
        """One contact with all its properties and their history."""
        return self._call("GET", f"/contacts/{contact_id}")

    # What has happened

    def calls(self) -> dict[str, int]:
        """API calls since the last reset, by method and v3 route."""
        return dict(self._call("GET", "/calls")["counts"])

    def call_log(self) -> Json:
        """Counts, statuses, the last calls in full, and the writes."""
        return self._call("GET", "/calls")

    def reset_calls(self) -> None:
        """Count calls and writes from zero."""
        self._call("DELETE", "/calls")

    def writes(self) -> Json:
        """Effective writes: total, by_app, by_token, by_contact, by_kind, by_people; and without_effect."""
        return dict(self._call("GET", "/calls")["writes"])

    def deliveries(self, limit: int = 200) -> list[Json]:
        """The newest webhook deliveries with events, attempts and state."""
        return list(self._call("GET", "/deliveries", query={"limit": str(limit)})["deliveries"])

    def delivery_counts(self) -> dict[str, int]:
        """outstanding, events, dropped_events, attempts, delivered, lost."""
        found = self._call("GET", "/deliveries", query={"limit": "0"})
        return {name: count for name, count in found.items() if name != "deliveries"}

    def wait_idle(self, timeout: float = 10.0) -> None:
        """Wait until no delivery is outstanding. Raises TimeoutError if that takes longer."""
        self._wait(lambda: self.delivery_counts()["outstanding"] == 0, timeout)

    # What will happen

    def set(self, **settings: object) -> Json:
        """Change settings; returns all of them."""
        return self._call("PATCH", "/settings", settings)

    def settings(self) -> Json:
        """All settings."""
        return self._call("GET", "/settings")

    def fault(self, method: str | None = None, path: str = "/", times: int | None = 1, **what: object) -> Json:
        """Plan a fault for the next calls.

        `what`: status, body, text, replace, headers, skip, delay_seconds, answer_delay_seconds,
        drop_connection_before, drop_connection_after.
        """
        return self._call("POST", "/faults", {"match": {"method": method, "path": path}, "times": times, **what})

    def faults(self) -> list[Json]:
        """The faults that are still to happen."""
        return list(self._call("GET", "/faults")["faults"])

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "/faults")

    def send_events(self, events: Sequence[Any], **options: object) -> Json:
        """POST given events to the target, signed; returns the delivery with its attempt.

        `options`: app_id, url, max_retries.
        """
        return self._call("POST", "/deliveries/send", {"events": list(events), **options})

    def advance(self, seconds: float) -> None:
        """Move the simulated time forward."""
        self._call("POST", "/clock", {"advance_seconds": seconds})

    def reset(self, keep_apps: bool = False) -> None:
        """Reset all state, with or without apps, tokens, target URLs and subscriptions."""
        self._call("POST", "/reset", {"keep_apps": keep_apps})

    # Accounts and apps

    def add_portal(self, portal_id: int, app_id: int | None = None) -> None:
        """Open an account, with an app installed."""
        self._call("POST", "/portals", {"portal_id": portal_id, "app_id": app_id})

    def add_app(self, app_id: int, **about: object) -> Json:
        """Register an app. `about`: client_id, client_secret, developer_key, scopes, portals."""
        return self._call("POST", "/apps", {"app_id": app_id, **about})

    def apps(self) -> list[Json]:
        """Every app with its webhook settings."""
        return list(self._call("GET", "/apps")["apps"])

    def add_token(self, **about: object) -> str:
        """Issue a token. `about`: token, app_id, portal_id, scopes, expires_in."""
        return str(self._call("POST", "/tokens", about)["token"])

    def revoke_token(self, token: str) -> None:
        """Revoke a token."""
        self._call("DELETE", f"/tokens/{token}")

    def oauth_code(self, **about: object) -> str:
        """An authorization code. `about`: app_id, portal_id."""
        return str(self._call("POST", "/oauth/codes", about)["code"])

    def refresh_token(self, **about: object) -> str:
        """A refresh token. `about`: app_id, portal_id."""
        return str(self._call("POST", "/oauth/refresh_tokens", about)["refresh_token"])

    def set_webhooks(
        self,
        target_url: str,
        subscriptions: Sequence[Mapping[str, object]],
        app_id: int = 39522895,
        max_concurrent_requests: int = 10,
    ) -> Json:
        """Set target URL and subscriptions of an app, as its settings page does."""
        body = {
            "target_url": target_url,
            "max_concurrent_requests": max_concurrent_requests,
            "subscriptions": [dict(one) for one in subscriptions],
        }
        return self._call("PUT", f"/apps/{app_id}/webhooks", body)

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        parameters = {**self._portal, **(query or {})}
        answer = self._http.request(method, f"/_control{path}", json=body, params=parameters)
        if answer.is_error:
            raise ControlError(f"{method} {path}: {answer.status_code} {answer.text}")
        found: Json = answer.json() if answer.content else {}
        return found

    @staticmethod
    def _wait(condition: Callable[[], bool], timeout: float) -> None:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"not idle after {timeout} s")
            time.sleep(0.02)
