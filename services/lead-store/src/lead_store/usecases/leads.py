"""Leads as the platform writes them. Each change makes the lead's work items due in the transaction that keeps it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import uuid6
from email_validator import EmailNotValidError, validate_email

from lead_store.domain.decision import FieldChange
from lead_store.domain.errors import Invalid, NotFound, StaleEtag
from lead_store.domain.fields import (
    CUSTOM_PREFIX,
    MAX_CUSTOM_FIELDS,
    MAX_LEAD_LENGTH,
    MAX_VALUE_LENGTH,
    can_be_named,
    is_field,
)
from lead_store.domain.history import PLATFORM, Entry
from lead_store.domain.lead import Lead, empty_lead
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.references import new_identities
from lead_store.domain.work_item import touches_of
from lead_store.mongo.leads import RepeatedRequest
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.lease import WorkSignal


@dataclass(frozen=True, slots=True)
class Leads:
    """The use cases of LeadService."""

    store: Store
    signal: WorkSignal
    platform: str

    def create(self, tenant_id: str, request_id: str, values: Mapping[str, str], actor: str) -> Lead:
        """Create a lead. A repeated request id answers the lead that the first call made."""
        values = typed_values(values, self.store.lead_fields.get(tenant_id))
        check_named(values)
        now = self.store.now()
        lead = empty_lead(str(uuid6.uuid7()), tenant_id, self.platform, now, request_id)
        lead = lead.with_values(values, now, PLATFORM)

        def work(session: Session) -> Lead:
            known = self.store.leads.by_request(tenant_id, request_id, session) if request_id else None
            if known is not None:
                return known
            self.store.leads.insert([lead], session)
            self._keep(None, lead, "created", actor, now, session)
            return replace(lead, revision=1)

        try:
            return self._run(work)
        except RepeatedRequest:  # the same request at the same time was first
            known = self.store.leads.by_request(tenant_id, request_id)
            if known is None:
                raise
            return known

    def get(self, tenant_id: str, lead_id: str) -> Lead:
        """The lead, unless it was deleted."""
        lead = self.store.leads.get(tenant_id, lead_id)
        if lead is None or lead.deleted_at is not None:
            raise _not_found(lead_id)
        return lead

    def page(self, tenant_id: str, after: str, limit: int, email: str) -> list[Lead]:
        """Leads after this id, with this e-mail if one is given."""
        return self.store.leads.page(tenant_id, after, limit, email)

    def update(self, tenant_id: str, lead_id: str, values: Mapping[str, str], etag: str, actor: str) -> Lead:
        """Set fields. Values that are there already change nothing, not even the etag."""
        values = typed_values(values, self.store.lead_fields.get(tenant_id))
        now = self.store.now()

        def change(lead: Lead) -> Lead:
            after = lead.with_values(values, now, PLATFORM)
            if after is not lead:
                check_named(after.values)
            check_size(after.values)
            return after

        return self._change(tenant_id, lead_id, etag, actor, "updated", now, change)

    def _change(
        self,
        tenant_id: str,
        lead_id: str,
        etag: str,
        actor: str,
        outcome: str,
        now: datetime,
        change: Callable[[Lead], Lead],
    ) -> Lead:
        def work(session: Session) -> Lead:
            lead = self.store.leads.get(tenant_id, lead_id, session)
            if lead is None or lead.deleted_at is not None:
                raise _not_found(lead_id)
            if etag and etag != str(lead.revision):
                raise StaleEtag
            after = change(lead)
            if after is lead:
                return lead
            if not self.store.leads.replace([after], session):
                raise Contended
            self._keep(lead, after, outcome, actor, now, session)
            return replace(after, revision=lead.revision + 1)

        return self._run(work)

    def _keep(
        self, before: Lead | None, after: Lead, outcome: str, actor: str, now: datetime, session: Session
    ) -> None:
        """Make work items due, own the keys that are new (R16), and note the decision."""
        targets = self.store.targets.of_tenant(after.tenant_id, session)
        self.store.work_items.touch(touches_of(after, targets), session)
        old = before.values if before else {}
        self.store.identities.own(after.tenant_id, new_identities(old, after.values, targets), session)
        names = [name for name in {*old, *after.values} if old.get(name, "") != after.values.get(name, "")]
        fields = {
            name: FieldChange(PLATFORM, old.get(name, ""), after.values.get(name, ""), "edited on the platform")
            for name in names
        }
        entry = Entry(after.tenant_id, after.lead_id, outcome, now, actor or PLATFORM, fields=fields)
        self.store.decisions.insert([entry], session)

    def _run(self, work: Callable[[Session], Lead]) -> Lead:
        lead = self.store.transact(work)
        self.signal.notify()
        return lead


def check_size(values: Mapping[str, str]) -> None:
    """Refuse a lead that, with its links and history, would not fit into one document."""
    if sum(name.startswith(CUSTOM_PREFIX) for name in values) > MAX_CUSTOM_FIELDS:
        raise Invalid("custom_fields", f"a lead has at most {MAX_CUSTOM_FIELDS} custom fields")
    if sum(map(len, values.values())) > MAX_LEAD_LENGTH:
        raise Invalid("lead", f"longer than {MAX_LEAD_LENGTH} characters in all")


def check_named(values: Mapping[str, str]) -> None:
    """Refuse a lead without any name or e-mail."""
    if not can_be_named(values):
        raise Invalid("lead", "a lead needs an e-mail, a first name or a last name", "no_name")


def typed_values(values: Mapping[str, str], fields: TenantFields) -> dict[str, str]:
    """The values in the canonical forms of their fields' types.

    Raises Invalid for unknown fields, oversized values, malformed e-mails, and values that are not of their type.
    """
    check_values(values)
    return {name: fields.canonical(name, value) for name, value in values.items()}


def check_values(values: Mapping[str, str]) -> None:
    """Refuse unknown fields, oversized values and malformed e-mails."""
    check_size(values)
    for name, value in values.items():
        if not is_field(name):
            raise Invalid(name, "no such field; custom fields are named by 1 to 64 letters, digits or underscores")
        if len(value) > MAX_VALUE_LENGTH:
            raise Invalid(name, f"longer than {MAX_VALUE_LENGTH} characters")
    email = values.get("email", "").strip()
    if email:
        try:
            validate_email(email, check_deliverability=False)
        except EmailNotValidError as error:
            raise Invalid("email", str(error), "invalid_email") from error


def _not_found(lead_id: str) -> NotFound:
    return NotFound("lead_not_found", f"no lead {lead_id} in this tenant")
