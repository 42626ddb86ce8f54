"""The doctor: checks everything that a sync needs and says in plain words what is wrong and what to do."""

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import Crm, Quota, Schema
from crm_connector.domain.capabilities import EventMode
from crm_connector.domain.errors import ConnectorError
from crm_connector.domain.fitting import mapping_faults
from crm_connector.domain.integration import Account, Integration
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.usecases.check import FIXES, Check, CheckState
from crm_connector.usecases.connections import Connections
from crm_connector.usecases.loop_checks import loop_checks
from crm_connector.usecases.loops import Loops
from crm_connector.usecases.webhooks import Webhooks

_SET_AGAIN = "Set the integration's token again: leadsync then creates what is missing."


class Doctor:
    """Checks an integration and changes nothing."""

    def __init__(
        self,
        integrations: MongoIntegrations,
        connections: Connections,
        webhooks: Webhooks,
        store: GrpcLeadStore,
        loops: Loops,
        now: Callable[[], datetime],
        *,
        api_url: str,
        sweep_seconds: float,
    ) -> None:
        """`api_url` is the address at which a CRM calls us; each account is swept every `sweep_seconds`."""
        self._integrations = integrations
        self._connections = connections
        self._webhooks = webhooks
        self._store = store
        self._loops = loops
        self._now = now
        self._api_url = api_url
        self._sweep_seconds = sweep_seconds

    def check(self, tenant_id: str, integration_id: str) -> list[Check]:
        """Check an integration; a broken one has failed checks. NotFoundError if there is none."""
        integration = self._integrations.get(tenant_id, integration_id)
        provider = self._connections.provider(integration.provider)
        checks = [
            *self._account(integration),
            _guarded("subscriptions", lambda: self._subscriptions(integration)),
            self._url(provider.base_url),
            *self._keys(),
            *loop_checks(integration, self._loops.of(integration_id), self._now(), self._sweep_seconds),
        ]
        return [replace(check, fix=provider.fixes.get(check.reason, check.fix)) for check in checks]

    def _account(self, integration: Integration) -> list[Check]:
        """Check what needs a working token."""
        try:
            crm = self._connections.crm(integration.integration_id)
            account = crm.account(writes=integration.writes_crm)
        except ConnectorError as error:
            unknown = [
                Check(name, CheckState.FAILED, "Not checked, since the CRM could not be asked.", "See `token`.")
                for name in ("scopes", "properties", "mapping", "quota")
            ]
            return [_failed("token", error), *unknown]
        return [
            _token(integration, account),
            _scopes(account),
            *self._schema(integration, crm),
            _guarded("quota", lambda: _quota(crm.quota())),
        ]

    def _schema(self, integration: Integration, crm: Crm) -> list[Check]:
        """Check our marks and the mapped properties with one call."""
        try:
            schema = crm.schema()
        except ConnectorError as error:
            return [_failed("properties", error), _failed("mapping", error)]
        properties = Check("properties", CheckState.OK, "leadsync's own properties are as they have to be.")
        if schema.mark_faults:
            properties = Check("properties", CheckState.FAILED, " ".join(schema.mark_faults), _SET_AGAIN)
        return [properties, _guarded("mapping", lambda: self._mapping(integration, schema))]

    def _mapping(self, integration: Integration, schema: Schema) -> Check:
        """Check again what was checked when the settings were saved.

        Since then the CRM's properties may have changed, and the types of the lead fields.
        """
        present = self._store.check_policy(integration, drop_unmapped=True)
        found = mapping_faults(present.field_mapping, schema.fields, present.written_fields)
        if found:
            failed = any(not fault.warning for fault in found)
            finding = " ".join(f"{fault.path.partition('.')[2]}: {fault.problem}" for fault in found)
            fix = "Change the integration's field mapping, rules or transforms as the finding says."
            return Check("mapping", CheckState.FAILED if failed else CheckState.WARNING, finding, fix)
        return Check("mapping", CheckState.OK, f"All {len(integration.mapping)} mapped properties are there, and fit.")

    def _subscriptions(self, integration: Integration) -> Check:
        mode = self._connections.provider(integration.provider).capabilities(integration).events
        if mode is EventMode.SWEEP:
            return Check("subscriptions", CheckState.OK, "This CRM reports no changes: sweeps find them.")
        if not integration.webhooks_enabled:
            finding = "Webhooks are not enabled: changes in the CRM arrive with the next sweep only."
            return Check("subscriptions", CheckState.WARNING, finding, "Enable the integration's webhooks.")
        if mode is EventMode.STREAM:
            return self._stream(integration)
        found = self._webhooks.faults(integration)
        if found is None:
            finding = "leadsync cannot look at the subscriptions of this kind of app."
            state = self._webhooks.status(integration.tenant_id, integration.integration_id)
            return Check("subscriptions", CheckState.WARNING, finding, state.instructions)
        if found:
            fix = "Enable the integration's webhooks again: that sets the address and subscribes to what is missing."
            return Check("subscriptions", CheckState.FAILED, " ".join(found), fix)
        return Check("subscriptions", CheckState.OK, "All subscriptions are there and active.")

    def _stream(self, integration: Integration) -> Check:
        state = self._webhooks.status(integration.tenant_id, integration.integration_id)
        if state.connected:
            finding = f"The stream of events was read {state.position_age_seconds} seconds ago."
            return Check("subscriptions", CheckState.OK, finding)
        fix = "Look at crm-connector's log for `stream_not_read` and its reason. Sweeps bring the changes meanwhile."
        return Check("subscriptions", CheckState.FAILED, "The stream of events is not read.", fix)

    def _keys(self) -> list[Check]:
        """Say which keys are needed while there are several."""
        count, used = self._connections.keys_in_use()
        if count == 1:
            return []
        if used <= {1}:
            finding = "Only the first key of LEADSYNC_SECRET_KEY is in use: the others can be removed."
            return [Check("secret_key", CheckState.OK, finding)]
        places = " and ".join(str(place) if place else "one that is missing" for place in sorted(used))
        finding = f"These keys of LEADSYNC_SECRET_KEY encrypt credentials, by their place: {places}."
        fix = "Keep all keys. leadsync encrypts every credential with the first one in its next five minutes."
        if 0 in used:
            fix = "Restore the key, or set the credentials again that no key opens: their check `token` fails."
        return [Check("secret_key", CheckState.WARNING, finding, fix)]

    def _url(self, crm_url: str) -> Check:
        """Check whether the CRM, which we call at `crm_url`, can call us; one on this machine can in any case."""
        fault = address_fault(self._api_url)
        if not fault:
            return Check("url", CheckState.OK, f"The CRM calls {self._api_url}.")
        fix = "Set API_URL to the public https address under which the CRM reaches webhook-gateway, and restart."
        if address_fault(crm_url):
            return Check("url", CheckState.WARNING, f"{fault} That is enough for a CRM on this machine only.", fix)
        return Check("url", CheckState.FAILED, fault, fix)


def address_fault(url: str) -> str:
    """Say why an address cannot be called safely from the Internet; empty if it can."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:
        private = "." not in host or host.endswith((".local", ".localhost", ".internal"))
    if private:
        return f"{host} is an address of this machine or of a private network."
    return "" if parts.scheme == "https" else f"{url} is not https."


def _token(integration: Integration, account: Account) -> Check:
    if account.account_id != integration.account_id:
        finding = f"The token belongs to account {account.account_id} instead of {integration.account_id}."
        return Check("token", CheckState.FAILED, finding, "Set a token of the right account.")
    return Check("token", CheckState.OK, f"The token is valid for account {account.account_id}.")


def _scopes(account: Account) -> Check:
    if missing := ", ".join(account.missing_scopes):
        fix = f"Add {missing} to the CRM's app, then set the new token."
        return Check("scopes", CheckState.FAILED, f"The token lacks the scopes {missing}.", fix)
    return Check("scopes", CheckState.OK, "The token has all scopes that leadsync needs.")


def _quota(quota: Quota | None) -> Check:
    if quota is None:
        return Check("quota", CheckState.OK, "The CRM announces no daily quota for this app.")
    finding = f"{quota.remaining:,} of {quota.per_day:,} calls are left today."
    if quota.remaining == 0:
        return Check("quota", CheckState.FAILED, finding, FIXES["daily_limit"], "daily_limit")
    if quota.remaining < quota.per_day / 10:
        fix = "Find out which program of this account calls so often, or raise its API limit."
        return Check("quota", CheckState.WARNING, finding, fix)
    return Check("quota", CheckState.OK, finding)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except ConnectorError as error:
        return _failed(name, error)


def _failed(name: str, error: ConnectorError) -> Check:
    fix = FIXES.get(error.reason, "See what the finding says.")
    return Check(name, CheckState.FAILED, error.message, fix, error.reason)
