"""Reading contacts: in batches, then those that are missing one by one.

A batch read leaves out what it cannot give (207, `OBJECT_NOT_FOUND`). What is missing is looked for in the archive, and
then read one by one: only a single GET follows the id of a merged contact to the one that it was merged into (HubSpot,
"Updated merge functionality").
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from crm_connector.domain.errors import CrmRejectedError, CrmUncertainError, LeaseTooShortError, MissingScopesError
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.observation import (
    Absent,
    Archived,
    Lease,
    Merged,
    Observation,
    Present,
    State,
    Unread,
    Unreadable,
    UnreadRecord,
    Version,
)
from crm_connector.providers.hubspot.client import HubSpotClient, unreadable
from crm_connector.providers.hubspot.facts import emails_of, is_whole, listed, modified_of
from crm_connector.providers.hubspot.parts import Found, chunks, read_parts
from crm_connector.providers.hubspot.spelling import HubSpotSpelling
from crm_connector.providers.hubspot.wire import (
    UNDECODABLE,
    Batch,
    Contact,
    HistoryVersion,
    SearchAnswer,
    contact_of,
    contacts_of,
)

OBJECT = "contact"
SPELLING = HubSpotSpelling()
LEAD_MARK = "leadsync_lead_id"
SOURCE_MARK = "lead_source_system"
ALWAYS_READ = (LEAD_MARK, SOURCE_MARK, "lastmodifieddate", "hs_merged_object_ids", "hs_additional_emails")
_MAX_BATCH, _MAX_BATCH_WITH_HISTORY = 100, 50
_BAD = Unread("crm_answer_unreadable")
SLOW = {"crm_timeout", "crm_answer_too_large"}
_SHORT = {"properties": "hs_object_id"}  # of an answer that shows that a contact is there, and nothing more


@dataclass(frozen=True, slots=True)
class ContactReader:
    """Reads the contacts of one account. Versions written by the app `app_id` are our own."""

    client: HubSpotClient
    mapping: FieldMapping
    app_id: str
    record_url: Callable[[str], str]

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the contacts of these leases: one observation each, in their order.

        Raises:
            CrmError: if HubSpot can be read by no call, so that the fault is not in the contacts.

        """
        seen: dict[str, State] = {}
        for history in (False, True):
            chosen = [lease for lease in leases if lease.history == history]
            by_id = [lease for lease in chosen if not lease.looks_for_lead]
            by_lead = [lease for lease in chosen if lease.looks_for_lead]
            states = self.by_record(_unique(lease.record_id for lease in by_id), deadline, history=history)
            seen |= {lease.work_item_id: states[lease.record_id] for lease in by_id}
            seen |= self._by_lead(by_lead, deadline, history=history)
        return [Observation(lease.work_item_id, lease.fence, seen[lease.work_item_id]) for lease in leases]

    def listed(self, raws: Iterable[msgspec.Raw]) -> tuple[list[Present], list[UnreadRecord]]:
        """Turn the contacts of a page into records; archived ones are left out.

        Raises:
            CrmUncertainError: if one of them does not even show its id.

        """
        contacts, bad = contacts_of(raws)
        if not all(bad):
            raise unreadable()
        whole = [contact for contact in contacts if is_whole(contact) and not contact.archived]
        broken = [UnreadRecord(one.id, _BAD.reason, modified_of(one)) for one in contacts if not is_whole(one)]
        # Whether a page shows properties without a value is not documented, so it says nothing about missing ones.
        records = [replace(self.present(contact), missing_fields=()) for contact in whole]
        return records, [*broken, *(UnreadRecord(one, _BAD.reason) for one in bad)]

    def read_listed(self, raws: Iterable[msgspec.Raw], deadline: float) -> tuple[list[Present], list[UnreadRecord]]:
        """Read the contacts of a page that only lists them. What is gone by now is left out.

        Raises:
            CrmUncertainError: if one of the list cannot be read.

        """
        contacts, bad = contacts_of(raws)
        if bad:
            raise unreadable()
        on_page = {contact.id: modified_of(contact) for contact in contacts if not contact.archived}
        found = self._read(list(on_page), deadline)
        reasons = {name: state.reason for name, state in found.states.items() if isinstance(state, Unread | Unreadable)}
        unread = [UnreadRecord(record_id, reason, on_page[record_id]) for record_id, reason in reasons.items()]
        return [self.present(one) for one in found.contacts if one.id in on_page and not one.archived], unread

    def present(self, contact: Contact, *, with_history: bool = False) -> Present:
        """Turn a whole contact into a present record."""
        properties, history = contact.properties or {}, contact.properties_with_history or {}
        return Present(
            record_id=contact.id,
            modified_at=modified_of(contact) or datetime.fromtimestamp(0, UTC),
            readings=self.mapping.readings(properties, self._versions(history), SPELLING),
            source_system=properties.get(SOURCE_MARK) or "",
            marked_lead_id=properties.get(LEAD_MARK) or "",
            with_history=with_history,
            merged_record_ids=tuple(listed(properties.get("hs_merged_object_ids"))),
            other_emails=tuple(listed(properties.get("hs_additional_emails"))),
            history_of=self.mapping.fields_of(history) if with_history else (),
            object=OBJECT,
            record_url=self.record_url(contact.id),
            missing_fields=self.mapping.missing_in(properties),  # of a property without a value it shows null
        )

    def by_record(self, ids: list[str], deadline: float, *, history: bool = False) -> dict[str, State]:
        """Read records by id: live, then in the archive, then one by one."""
        live = self._read(ids, deadline, history=history)
        states: dict[str, State] = {
            one.id: self.present(one, with_history=history) for one in live.contacts if not one.archived
        }
        states |= live.states
        if missing := [record_id for record_id in ids if record_id not in states]:
            archived = self._read(missing, deadline, archived=True)
            states |= {contact.id: Archived() for contact in archived.contacts} | archived.states
        for record_id in ids:
            if record_id not in states:
                try:
                    states[record_id] = self._single(record_id, deadline, history=history)
                except LeaseTooShortError as error:  # what was read before is kept
                    states[record_id] = Unread(error.reason)
        return states

    def _single(self, record_id: str, deadline: float, *, history: bool) -> State:
        """GET one record, which follows merges. If it is there after all, it is read as the others are."""
        try:
            answer = self.client.call("GET", self.client.paths.contact(record_id), params=_SHORT, send_by=deadline)
            contact = contact_of(answer.as_(msgspec.Raw))
            if contact.archived:
                return Archived()
            if contact.id != record_id:
                return Merged(contact.id)
            again = self._read([record_id], deadline, history=history)
            found = [self.present(one, with_history=history) for one in again.contacts if one.id == record_id]
            return found[0] if found else again.states.get(record_id, _BAD)
        except MissingScopesError:
            return Unreadable("missing_scopes")
        except CrmRejectedError as error:
            return Absent() if error.status == 404 else Unreadable("read_refused")
        except CrmUncertainError as error:
            return Unread(error.reason)
        except UNDECODABLE:
            return _BAD

    def _by_lead(self, leases: list[Lease], deadline: float, *, history: bool) -> dict[str, State]:
        """Look for the contacts of leads: by our mark, then by e-mail (R6, R12). Never by search, which lags behind."""
        marks = self._read(_unique(lease.lead_id for lease in leases), deadline, history=history, id_property=LEAD_MARK)
        by_mark = {(contact.properties or {}).get(LEAD_MARK): contact for contact in marks.contacts}
        rest = [lease for lease in leases if lease.lead_id not in by_mark and lease.lead_id not in marks.states]
        addresses = _unique(email for lease in rest for email in lease.spellings)
        emails = self._read(addresses, deadline, history=history, id_property="email")
        by_email = {email: contact for contact in emails.contacts for email in emails_of(contact)}

        def state(lease: Lease) -> State:
            asked = lease.spellings if lease in rest else ()
            contact = by_mark.get(lease.lead_id) or next((by_email[one] for one in asked if one in by_email), None)
            if contact is not None:
                return self.present(contact, with_history=history)
            unread = (emails.states[one] for one in asked if one in emails.states)
            return marks.states.get(lease.lead_id) or next(unread, Absent())

        return {lease.work_item_id: state(lease) for lease in leases}

    def _read(
        self, ids: list[str], deadline: float, *, history: bool = False, archived: bool = False, id_property: str = ""
    ) -> Found:
        """Read in batches: the contacts found, and the ids that cannot be read. A bad contact does not stop others."""

        def read(part: list[str], repeats: bool) -> Found:
            return self.client.unhidden(lambda: read_visible(part, repeats), self.mapping.fields)

        def read_visible(part: list[str], repeats: bool) -> Found:
            body: dict[str, Any] = {
                "inputs": [{"id": record_id} for record_id in part],
                "properties": self.property_names,
            }
            body |= {"propertiesWithHistory": self._mapped if history else []}
            body |= {"idProperty": id_property} if id_property else {}
            params = {"archived": "true"} if archived else None
            path = self.client.paths.contacts("batch/read")
            try:
                answer = self.client.call("POST", path, json=body, params=params, send_by=deadline, repeats=repeats)
            except CrmUncertainError as error:
                budget.note_read(len(part), slow=error.reason in SLOW)
                raise
            budget.note_read(len(part), slow=False)
            contacts, bad = contacts_of(answer.as_(Batch).results)
            bad += [contact.id for contact in contacts if not is_whole(contact)]
            if any(id_property or record_id not in part for record_id in bad):
                raise unreadable()  # it is not clear which of the part it is
            return Found([one for one in contacts if is_whole(one)], dict.fromkeys(bad, _BAD))

        size, budget = _MAX_BATCH_WITH_HISTORY if history else _MAX_BATCH, self.client.budget
        return read_parts(chunks(ids, min(size, budget.most_reads)), read, lambda: self._check(deadline))

    def _check(self, deadline: float) -> None:
        """Make a call that shows no values. A CrmError if HubSpot fails on that too."""
        params = {"limit": "1"} | _SHORT
        self.client.call("GET", self.client.paths.contacts(), params=params, send_by=deadline).as_(SearchAnswer)

    @property
    def property_names(self) -> list[str]:
        """Properties to ask for: the mapped ones, but for those that the token may not see, and our marks."""
        return _unique([*self._mapped, *ALWAYS_READ])

    @property
    def _mapped(self) -> list[str]:
        return [name for name in self.mapping.fields if name not in self.client.hidden.names]

    def _versions(self, history: Mapping[str, list[HistoryVersion]]) -> dict[str, tuple[Version, ...]]:
        """Give the property history, newest version first. The mapping adds the values."""
        return {
            name: tuple(
                Version(
                    crm=version.value or "",
                    value="",
                    changed_at=version.timestamp,
                    ours=version.source_type == "INTEGRATION" and version.source_id == self.app_id != "",
                    source=":".join(filter(None, (version.source_type, version.source_id))),
                )
                for version in sorted(versions, key=lambda version: version.timestamp, reverse=True)
            )
            for name, versions in history.items()
        }


def _unique(items: Iterable[str]) -> list[str]:
    """Give the items without repeats, in order."""
    return list(dict.fromkeys(items))
