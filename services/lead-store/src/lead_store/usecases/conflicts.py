"""Conflicts: list them, resolve them, undo a decision, and explain how a lead came to its values."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from lead_store.domain.conflict import OpenConflict, open_conflicts, resolve
from lead_store.domain.decision import FieldChange
from lead_store.domain.errors import Invalid, NotAllowed, NotFound, StaleEtag
from lead_store.domain.given_values import check_named, taken_values
from lead_store.domain.history import PLATFORM, Entry
from lead_store.domain.lead import Lead
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.references import new_identities
from lead_store.domain.work_item import WorkItemTouch, touches_of
from lead_store.mongo.store import Store
from lead_store.mongo.transaction import Contended, Session
from lead_store.usecases.leads import Leads
from lead_store.usecases.work_signal import WorkSignal

UNDO_WITHIN = timedelta(days=90)
BULK = 1_000


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person takes: one side's value, or another one."""

    side: str = ""  # `platform`, `crm`, or empty for `value`
    value: str = ""

    def of(self, conflict: OpenConflict) -> str:
        """The value that is taken."""
        return {"platform": conflict.ours, "crm": conflict.theirs}.get(self.side, self.value)


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The use cases of people who look at what a merge could not decide."""

    store: Store
    leads: Leads
    signal: WorkSignal

    def page(
        self, tenant_id: str, integration_id: str, field: str, lead_id: str, after: str, limit: int
    ) -> Iterator[tuple[Lead, list[OpenConflict]]]:
        """Leads with open conflicts, by id, read as they are asked for."""
        found = self.store.leads.with_conflicts(tenant_id, integration_id, field, lead_id, after, limit)
        return ((lead, list(open_conflicts(lead, integration_id, field))) for lead in found)

    def resolve(
        self, tenant_id: str, lead_id: str, integration_id: str, field: str, choice: Choice, etag: str, actor: str
    ) -> str:
        """Settle one conflict (R11); answers the decision's id."""
        decision, touched = self.store.transact(
            lambda session: self._resolve(session, tenant_id, lead_id, integration_id, field, choice, etag, actor)
        )
        self.signal.notify(touched)
        return decision

    def resolve_all(self, tenant_id: str, integration_id: str, field: str, side: str, actor: str) -> tuple[int, bool]:
        """Settle many conflicts of one field the same way; answers how many, and whether there are more."""
        resolved, after = 0, ""
        while resolved < BULK:
            page = list(self.page(tenant_id, integration_id, field, "", after, 200))
            if not page:
                return resolved, False
            for lead, conflicts in page:
                for conflict in conflicts:
                    resolved += self._try(tenant_id, lead.lead_id, conflict, Choice(side), actor)
            after = page[-1][0].lead_id
        return resolved, any(self.page(tenant_id, integration_id, field, "", after, 1))

    def _try(self, tenant_id: str, lead_id: str, conflict: OpenConflict, choice: Choice, actor: str) -> bool:
        """Settle one of many. One that has changed, or that cannot be settled so, keeps waiting."""
        try:
            self.resolve(tenant_id, lead_id, conflict.integration_id, conflict.field, choice, conflict.etag, actor)
        except (Invalid, NotFound, StaleEtag):
            return False
        return True

    def undo(self, tenant_id: str, decision_id: str, actor: str) -> str:
        """Set back what a decision changed on a lead, as an ordinary edit: it moves no base."""
        entry = self.store.decisions.get(tenant_id, decision_id)
        if entry is None:
            raise NotFound("decision_not_found", f"no decision {decision_id} in this tenant")
        if self.store.now() - entry.at > UNDO_WITHIN:
            raise NotAllowed("undo_too_late", "a decision can be undone for 90 days")
        before = {name: change.before for name, change in entry.fields.items() if change.side == PLATFORM}
        if not before:
            raise NotAllowed("nothing_to_undo", "the decision changed nothing on the lead")
        lead = self.leads.get(tenant_id, entry.lead_id)
        if any(lead.values.get(name, "") != entry.fields[name].after for name in before):
            raise NotAllowed("changed_since", "the lead has been changed since: edit it instead")
        self.leads.update(tenant_id, entry.lead_id, before, str(lead.revision), actor)
        return entry.lead_id

    def explain(self, tenant_id: str, lead_id: str, field: str, before: str, limit: int) -> Iterator[Entry]:
        """The decisions that made a lead what it is, newest first, read as they are asked for."""
        if self.store.leads.get(tenant_id, lead_id) is None:
            raise NotFound("lead_not_found", f"no lead {lead_id} in this tenant")
        return self.store.decisions.of_lead(tenant_id, lead_id, field, before, limit)

    def _resolve(
        self,
        session: Session,
        tenant_id: str,
        lead_id: str,
        integration_id: str,
        field: str,
        choice: Choice,
        etag: str,
        actor: str,
    ) -> tuple[str, set[str]]:
        """Answers the decision's id, and the integrations that get work by it."""
        lead = self.store.leads.get(tenant_id, lead_id, session)
        if lead is None or lead.deleted_at is not None:
            raise NotFound("lead_not_found", f"no lead {lead_id} in this tenant")
        conflict = next(iter(open_conflicts(lead, integration_id, field)), None)
        if conflict is None:
            raise NotFound("conflict_not_found", f"{field} of this lead does not wait for a person (any more)")
        if conflict.etag != etag:
            raise StaleEtag("the conflict has changed since it was read: look at it again")
        now, value = self.store.now(), _checked(choice, conflict, self.store.lead_fields.get(tenant_id, session))
        after = resolve(lead, conflict, value, now, PLATFORM)
        check_named(after.values, lead.values)
        if not self.store.leads.replace([after], session):
            raise Contended
        targets = self.store.targets.of_tenant(tenant_id, session)
        own = [target for target in targets if target.integration_id == integration_id]
        touches = touches_of(after, targets) + [
            WorkItemTouch(tenant_id, integration_id, record_id=conflict.record_id, lead_id=lead_id) for _ in own
        ]
        self.store.work_items.touch(touches, session)  # R20
        self.store.identities.own(tenant_id, new_identities(lead.values, after.values, targets), session)
        change = FieldChange(PLATFORM, conflict.ours, value, "a person resolved the conflict")
        entry = Entry(
            tenant_id,
            lead_id,
            "resolved",
            now,
            actor or PLATFORM,
            integration_id,
            conflict.record_id,
            fields={field: change},
        )
        (decision_id,) = self.store.decisions.insert([entry], session)
        return decision_id, {touch.integration_id for touch in touches}


def _checked(choice: Choice, conflict: OpenConflict, fields: TenantFields) -> str:
    """The value that is taken, in canonical form. Raises Invalid if it is not of its field's type.

    The value of a side is checked too: a field may have been declared since a person entered it. It is no new value
    otherwise, so that whatever either side holds may be taken as it is.
    """
    value = choice.of(conflict)
    try:
        if value in {conflict.ours, conflict.theirs}:
            return fields.canonical(conflict.field, value)
        return taken_values({conflict.field: value}, {}, fields).get(conflict.field, "")
    except Invalid as error:
        raise Invalid("take" if choice.side else "value", error.detail, error.reason) from error
