"""Connecting, changing and disconnecting CRM accounts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from crm_connector.crm import Crm, CrmProvider
from crm_connector.domain import mapping
from crm_connector.domain.changes import Changes, NewIntegration, OAuthCode, with_changes, with_default
from crm_connector.domain.errors import ExistsError, InvalidError, MissingScopesError, StaleEtagError
from crm_connector.domain.fitting import check_fit
from crm_connector.domain.integration import Account, Credential, CredentialKind, Integration, check_rules
from crm_connector.domain.mapping import CrmField
from crm_connector.domain.run import Run, RunKind
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.runs import MongoRuns
from crm_connector.usecases.connections import Connections, token_source
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.webhooks import Webhooks
from crm_connector.vault import AesVault

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Proven:
    """A credential that the CRM has accepted."""

    credential: Credential
    account: Account
    crm: Crm


class Integrations:
    """The use cases on integrations."""

    def __init__(
        self,
        repository: MongoIntegrations,
        cursors: MongoCursors,
        runs: MongoRuns,
        vault: AesVault,
        connections: Connections,
        targets: Targets,
        webhooks: Webhooks,
        *,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._cursors = cursors
        self._runs = runs
        self._vault = vault
        self._connections = connections
        self._targets = targets
        self._webhooks = webhooks
        self._new_id = new_id
        self._now = now

    def create(self, wish: NewIntegration) -> Integration:
        """Connect an account; a repeated request gives what the first one made."""
        if wish.request_id and (made := self._repository.by_request(wish.tenant_id, wish.request_id)):
            return made
        provider = self._connections.provider(wish.provider)
        checked = mapping.check(wish.mapping or provider.default_mapping)
        rules = check_rules(wish.rules, checked, wish.direction)
        transforms = mapping.check_transforms(wish.transforms, checked)
        proven = _prove(provider, wish.credential, writes=wish.direction.to_crm)
        _expect_account(wish.account_id, proven.account)
        integration = Integration(
            integration_id=self._new_id(),
            tenant_id=wish.tenant_id,
            provider=wish.provider,
            account_id=proven.account.account_id,
            app_id=wish.app_id or proven.account.app_id,
            credential_kind=proven.credential.kind,
            direction=wish.direction,
            mapping=checked.properties,
            created_at=self._now(),
            rules=rules,
            deletions=wish.deletions,
            paused=wish.paused,
            request_id=wish.request_id,
            time_zone=proven.account.time_zone,
            transforms=transforms,
            match_keys=wish.match_keys,
            phone_region=wish.phone_region,
        )
        if not wish.mapping:
            integration = with_default(integration, proven.crm.default_mapping())
        proven.crm.prepare(integration.field_mapping, integration.written_fields)
        return self._add(integration, proven.credential)

    def get(self, tenant_id: str, integration_id: str) -> Integration:
        """Get one."""
        return self._repository.get(tenant_id, integration_id)

    def page(self, tenant_id: str, after: str, limit: int) -> list[Integration]:
        """List them, oldest first, after this id."""
        return self._repository.page(tenant_id, after, limit)

    def fields(self, tenant_id: str, integration_id: str) -> list[tuple[CrmField, str]]:
        """List the CRM's properties by name, each with the lead field that is mapped to it, if any."""
        integration = self._repository.get(tenant_id, integration_id)
        mapped = integration.field_mapping.fields
        known = self._connections.crm(integration_id).schema().fields
        return [(field, mapped.get(field.property, "")) for field in known]

    def update(
        self, tenant_id: str, integration_id: str, changes: Changes, etag: str
    ) -> tuple[Integration, Run | None]:
        """Change one; with the run that applies the change to its records. Nothing happens if it is as wished."""
        current = self._repository.get(tenant_id, integration_id)
        if etag and etag != current.etag:
            raise StaleEtagError
        changed = with_changes(current, changes)
        if changed == current and changes.credential is None:
            return current, None
        proven = self._check_with_crm(current, changed, changes.credential)
        sealed = None
        if proven is not None:
            changed = replace(
                changed, app_id=proven.account.app_id or changed.app_id, time_zone=proven.account.time_zone
            )
            sealed = self._vault.seal(integration_id, proven.credential)
        run = self._apply_run(changed) if changed.deciding != current.deciding else None
        apply_run_id = run.run_id if run else current.apply_run_id
        changed = replace(changed, revision=current.revision + 1, apply_run_id=apply_run_id)
        self._repository.replace(changed, current.revision, sealed)
        self._connections.forget(integration_id)
        self._targets.publish(changed)
        if changed.mapping != current.mapping:
            self._webhooks.mapping_changed(changed)
        _log.info("integration_updated", integration_id=integration_id, revision=changed.revision)
        return changed, run

    def as_proposed(self, tenant_id: str, integration_id: str, changes: Changes) -> Integration:
        """Build the integration as it would be, its mapping checked against the CRM. Nothing is kept or set up."""
        proposed = with_changes(self._repository.get(tenant_id, integration_id), changes)
        known = self._connections.crm(integration_id).schema().fields
        check_fit(proposed.field_mapping, known, proposed.written_fields)
        return proposed

    def delete(self, tenant_id: str, integration_id: str) -> None:
        """Disconnect one; leads and records stay. Repeatable; what fails half-way is finished by the upkeep."""
        integration = self._repository.mark_deleting(tenant_id, integration_id)
        if integration is not None:
            self.finish_deletion(integration)

    def finish_deletion(self, integration: Integration) -> None:
        """Take down what hangs on an integration, its document last."""
        self._targets.withdraw(integration)
        self._webhooks.integration_deleted(integration)
        self._cursors.delete(integration.integration_id)
        self._repository.delete(integration.integration_id)
        self._connections.forget(integration.integration_id)
        _log.info("integration_deleted", integration_id=integration.integration_id)

    def _apply_run(self, integration: Integration) -> Run:
        """Start the run of a change that is about to be stored. It counts once the integration names it."""
        run = Run(self._new_id(), integration.tenant_id, integration.integration_id, RunKind.APPLY, self._now())
        self._runs.add(run)
        return run

    def _add(self, integration: Integration, credential: Credential) -> Integration:
        """Keep a new one, or find that the same request was faster."""
        try:
            self._repository.add(integration, self._vault.seal(integration.integration_id, credential))
        except ExistsError:
            made = self._repository.by_request(integration.tenant_id, integration.request_id)
            if integration.request_id and made is not None:
                return made
            raise
        _log.info("integration_created", integration_id=integration.integration_id, provider=integration.provider)
        self._targets.publish(integration)
        return integration

    def _check_with_crm(
        self, current: Integration, changed: Integration, credential: Credential | None
    ) -> _Proven | None:
        """Prove a new credential and prepare a mapping or a direction that is new."""
        proven = None
        if credential is not None:
            if credential.kind is not current.credential_kind:
                raise InvalidError("credential_kind", "Give a credential of the same kind as before.")
            provider = self._connections.provider(current.provider)
            proven = _prove(provider, credential, writes=changed.writes_crm)
            _expect_account(current.account_id, proven.account)
        same = (changed.field_mapping, changed.written_fields) == (current.field_mapping, current.written_fields)
        if proven or not same:
            crm = proven.crm if proven else self._connections.crm(current.integration_id)
            crm.prepare(changed.field_mapping, changed.written_fields)
        return proven


def _prove(provider: CrmProvider, given: Credential | OAuthCode, *, writes: bool) -> _Proven:
    """Have the CRM say whose a credential is; a refresh token that it replaces on the way is taken over."""
    if isinstance(given, OAuthCode):
        tokens = provider.exchange(given.code, given.redirect_uri)
        given = Credential(CredentialKind.OAUTH, tokens.refresh_token)
    latest = [given]
    source = token_source(provider, given, lambda token: latest.append(Credential(CredentialKind.OAUTH, token)))
    crm = provider.open(source, given.kind)
    account = crm.account(writes=writes)
    if account.missing_scopes:
        scopes = ", ".join(account.missing_scopes)
        message = f"Add these scopes to the CRM's app and connect again: {scopes}."
        raise MissingScopesError(message, scopes=account.missing_scopes)
    return _Proven(latest[-1], account, crm)


def _expect_account(expected: str, account: Account) -> None:
    if expected and expected != account.account_id:
        message = "The credential belongs to another account than the one that was named."
        raise InvalidError("account_mismatch", message, field="account_id")
