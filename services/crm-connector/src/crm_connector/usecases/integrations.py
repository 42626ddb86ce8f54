"""Connecting, changing and disconnecting CRM accounts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from crm_connector.clients.lead_store import GrpcLeadStore
from crm_connector.crm import Crm, CrmProvider
from crm_connector.domain import mapping
from crm_connector.domain.changes import Changes, NewIntegration, OAuthCode, with_changes, with_default
from crm_connector.domain.errors import ConnectorError, ExistsError, InvalidError, MissingScopesError, StaleEtagError
from crm_connector.domain.fitting import check_fit
from crm_connector.domain.integration import Account, Credential, CredentialKind, Integration
from crm_connector.domain.mapping import CrmField
from crm_connector.domain.run import Run, RunKind
from crm_connector.mongo.cursors import MongoCursors
from crm_connector.mongo.integrations import MongoIntegrations
from crm_connector.mongo.runs import MongoRuns
from crm_connector.usecases.connections import Connections, RenewedToken
from crm_connector.usecases.known_fields import KnownFields
from crm_connector.usecases.targets import Targets
from crm_connector.usecases.webhooks import Webhooks
from crm_connector.vault import AesVault

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Verified:
    """A credential that the CRM has accepted, and its account."""

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
        store: GrpcLeadStore,
        *,
        known_fields: KnownFields,
        sweep_soon: Callable[[str], None],
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        """`sweep_soon` makes the sweep of an integration due."""
        self._repository = repository
        self._cursors = cursors
        self._runs = runs
        self._vault = vault
        self._connections = connections
        self._targets = targets
        self._webhooks = webhooks
        self._store = store
        self._known_fields = known_fields
        self._sweep_soon = sweep_soon
        self._new_id = new_id
        self._now = now

    def create(self, asked: NewIntegration) -> Integration:
        """Connect an account; a repeated request gives the integration of the first one.

        All that can be wrong is checked before a code is used up and before anything is created in the CRM.
        """
        if asked.request_id and (made := self._repository.by_request(asked.tenant_id, asked.request_id)):
            return made
        provider = self._connections.provider(asked.provider)
        checked = mapping.check(asked.mapping or provider.default_mapping, provider.limits)
        integration = Integration(
            integration_id=self._new_id(),
            tenant_id=asked.tenant_id,
            provider=asked.provider,
            account_id=asked.account_id,
            app_id=asked.app_id,
            credential_kind=CredentialKind.OAUTH,
            policy=asked.policy,
            mapping=checked.properties,
            created_at=self._now(),
            paused=asked.paused,
            request_id=asked.request_id,
            transforms=mapping.check_transforms(asked.transforms, checked, provider.limits),
        )
        integration = self._store.check_policy(integration, drop_unmapped=False)
        verified = _verify(provider, asked.credential, writes=integration.writes_crm)
        _expect_account(asked.account_id, verified.account)
        _expect_app(asked.app_id, verified.account)
        integration = replace(
            integration,
            account_id=verified.account.account_id,
            app_id=verified.account.app_id,
            credential_kind=verified.credential.kind,
            time_zone=verified.account.time_zone,
        )
        if not asked.mapping:
            integration = with_default(integration, verified.crm.default_mapping())
            integration = self._store.check_policy(integration, drop_unmapped=True)
        integration = _prepared(verified.crm, integration)
        return self._add(integration, verified.credential)

    def get(self, tenant_id: str, integration_id: str) -> Integration:
        """Get one."""
        return self._repository.get(tenant_id, integration_id)

    def page(self, tenant_id: str, after: str, limit: int) -> list[Integration]:
        """List them, oldest first, after this id."""
        return self._repository.page(tenant_id, after, limit)

    def fields(self, tenant_id: str, integration_id: str) -> list[tuple[CrmField, str]]:
        """List the CRM's properties by name, each with the lead field that is mapped to it, if any.

        They may be a minute old.
        """
        integration = self._repository.get(tenant_id, integration_id)
        mapped = integration.field_mapping.fields
        known = self._known_fields.of(integration)
        return [(field, mapped.get(field.property, "")) for field in known]

    def update(
        self, tenant_id: str, integration_id: str, changes: Changes, etag: str
    ) -> tuple[Integration, Run | None]:
        """Change one: the changed integration, and the run that applies the change to its records, if one is needed."""
        current = self._repository.get(tenant_id, integration_id)
        if etag and etag != current.etag:
            raise StaleEtagError
        changed = self._checked(current, changes)
        if changed == current and changes.credential is None:
            return current, None
        changed, verified = self._check_with_crm(current, changed, changes.credential)
        sealed = None
        if verified is not None:
            changed = replace(
                changed, app_id=verified.account.app_id or changed.app_id, time_zone=verified.account.time_zone
            )
            sealed = self._vault.seal(integration_id, verified.credential)
        changed, run = self._replace(current, changed, sealed)
        if verified is not None:
            self._renewed(changed)
        if changed.mapping != current.mapping:
            self._webhooks.mapping_changed(changed)
        return changed, run

    def refresh(self, integration: Integration) -> Integration:
        """Check the settings again, since defaults and types of fields may have changed: what is in force then."""
        fresh = self._store.check_policy(integration, drop_unmapped=True)
        if not fresh.kinds:
            known = self._connections.crm(integration.integration_id).schema().fields
            fresh = replace(fresh, kinds=mapping.kinds_of(fresh.field_mapping, known))
        return integration if fresh == integration else self._replace(integration, fresh, None)[0]

    def as_proposed(self, tenant_id: str, integration_id: str, changes: Changes) -> Integration:
        """Build the integration with these changes and check its mapping with the CRM. Nothing is stored or created."""
        current = self._repository.get(tenant_id, integration_id)
        proposed = self._checked(current, changes)
        known = self._connections.crm(integration_id).schema().fields
        check_fit(proposed.field_mapping, known, proposed.written_fields)
        return replace(proposed, kinds=mapping.kinds_of(proposed.field_mapping, known))

    def delete(self, tenant_id: str, integration_id: str) -> None:
        """Disconnect one; leads and records stay. The upkeep, or the same call again, finishes what fails half-way.

        NotFoundError if there is none.
        """
        self.finish_deletion(self._repository.mark_deleting(tenant_id, integration_id))

    def finish_deletion(self, integration: Integration) -> None:
        """Remove everything that belongs to an integration, its document last."""
        self._targets.withdraw(integration)
        self._webhooks.integration_deleted(integration)
        self._cursors.delete(integration.integration_id)
        self._repository.delete(integration.integration_id)
        self._connections.forget(integration.integration_id)
        _log.info("integration_deleted", integration_id=integration.integration_id)

    def _renewed(self, integration: Integration) -> None:
        """Let go on what waits for a new credential. While lead-store is away, work goes on when its waits end."""
        self._sweep_soon(integration.integration_id)
        try:
            queued = self._store.credential_renewed(integration)
        except ConnectorError as error:
            _log.warning("waiting_work_not_due", reason=error.reason, integration_id=integration.integration_id)
        else:
            _log.info("credential_renewed", integration_id=integration.integration_id, queued=queued)

    def _checked(self, current: Integration, changes: Changes) -> Integration:
        """Build the changed integration; lead-store checks a new policy or mapping."""
        changed = with_changes(current, changes, self._connections.provider(current.provider).limits)
        if (changed.policy, changed.mapping) == (current.policy, current.mapping):
            return changed
        return self._store.check_policy(changed, drop_unmapped=not changes.rules_given)

    def _replace(
        self, current: Integration, changed: Integration, sealed: bytes | None
    ) -> tuple[Integration, Run | None]:
        """Store a change and put its target: with the run that applies it, if decisions depend on it."""
        run = None if changed.decides_like(current) else self._apply_run(changed)
        apply_run_id = run.run_id if run else current.apply_run_id
        changed = replace(changed, revision=current.revision + 1, apply_run_id=apply_run_id)
        self._repository.replace(changed, current.revision, sealed)
        self._connections.forget(changed.integration_id)
        self._targets.publish(changed)
        _log.info("integration_updated", integration_id=changed.integration_id, revision=changed.revision)
        return changed, run

    def _apply_run(self, integration: Integration) -> Run:
        """Start the run of a change that is about to be stored. It is in force once the integration names it."""
        run = Run(self._new_id(), integration.tenant_id, integration.integration_id, RunKind.APPLY, self._now())
        self._runs.add(run)
        return run

    def _add(self, integration: Integration, credential: Credential) -> Integration:
        """Store a new one, or find the one that the same request has just made."""
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
    ) -> tuple[Integration, _Verified | None]:
        """Verify a new credential, and prepare the CRM for a new mapping or direction."""
        verified = None
        if credential is not None:
            if credential.kind is not current.credential_kind:
                raise InvalidError("credential_kind", "Give a credential of the same kind as before.")
            provider = self._connections.provider(current.provider)
            verified = _verify(provider, credential, writes=changed.writes_crm)
            _expect_account(current.account_id, verified.account)
        same = (changed.field_mapping, changed.written_fields) == (current.field_mapping, current.written_fields)
        if verified or not same:
            crm = verified.crm if verified else self._connections.crm(current.integration_id)
            changed = _prepared(crm, changed)
        return changed, verified


def _prepared(crm: Crm, integration: Integration) -> Integration:
    """Check the mapping with the CRM and create our marks: the integration with the kinds of its properties."""
    return replace(integration, kinds=crm.prepare(integration.field_mapping, integration.written_fields))


def _verify(provider: CrmProvider, given: Credential | OAuthCode, *, writes: bool) -> _Verified:
    """Ask the CRM which account a credential belongs to; a refresh token that it replaces meanwhile is taken over."""
    if isinstance(given, OAuthCode):
        tokens = provider.exchange(given.code, given.redirect_uri)
        given = Credential.refresh_token(tokens.refresh_token)
    latest = [given]
    crm = provider.open(RenewedToken(provider, given, latest.append), given.kind)
    account = crm.account(writes=writes)
    if account.missing_scopes:
        scopes = ", ".join(account.missing_scopes)
        message = f"Add these scopes to the CRM's app and connect again: {scopes}."
        raise MissingScopesError(message, scopes=account.missing_scopes)
    return _Verified(latest[-1], account, crm)


def _expect_account(expected: str, account: Account) -> None:
    if expected and expected != account.account_id:
        message = "The credential belongs to another account than the one that was named."
        raise InvalidError("account_mismatch", message, field="account_id")


def _expect_app(expected: str, account: Account) -> None:
    """Check that the app is the credential's own: whoever names another one would manage that app's webhooks."""
    if expected and expected != account.app_id:
        message = "The credential belongs to another app than the one that was named."
        raise InvalidError("other_app", message, field="app_id")
