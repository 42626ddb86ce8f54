"""Reading contacts: in batches, then those that are missing one by one.

A batch read leaves out what it cannot give (207, `OBJECT_NOT_FOUND`). What is missing is looked for in the archive, and
then read one by one: only a single GET follows the id of a merged contact to the one that it was merged into (HubSpot,
"Updated merge functionality").
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from crm_connector.domain.errors import CrmRejectedError, CrmUncertainError, MissingScopesError
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.observation import (
    Absent,
    Archived,
    Lease,
    Merged,
    Observation,
    Present,
    State,
    Unreadable,
    Version,
)
from crm_connector.providers.hubspot.client import HubSpotClient
from crm_connector.providers.hubspot.spelling import HubSpotSpelling
from crm_connector.providers.hubspot.wire import Batch, Contact, HistoryVersion

OBJECT = "contact"
SPELLING = HubSpotSpelling()
LEAD_MARK = "leadsync_lead_id"
SOURCE_MARK = "lead_source_system"
ALWAYS_READ = (LEAD_MARK, SOURCE_MARK, "lastmodifieddate", "hs_merged_object_ids", "hs_additional_emails")
_MAX_BATCH, _MAX_BATCH_WITH_HISTORY = 100, 50
_FAILED = Unreadable("crm_error")  # HubSpot answers with a server error: nothing was seen, so there is no observation
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ContactReader:
    """Reads the contacts of one account. Versions written by the app `app_id` are our own."""

    client: HubSpotClient
    mapping: FieldMapping
    app_id: str
    record_url: Callable[[str], str]

    def observe(self, leases: Sequence[Lease], deadline: float) -> list[Observation]:
        """Read the contacts of these leases: one observation each, in their order, none where HubSpot fails on it.

        Raises:
            CrmUncertainError: if HubSpot fails on all of them, so that the fault need not be theirs.

        """
        seen: dict[str, State] = {}
        for history in (False, True):
            chosen = [lease for lease in leases if lease.history == history]
            by_id = [lease for lease in chosen if not lease.looks_for_lead]
            by_lead = [lease for lease in chosen if lease.looks_for_lead]
            states = self._by_record(_unique(lease.record_id for lease in by_id), deadline, history=history)
            seen |= {lease.work_item_id: states[lease.record_id] for lease in by_id}
            seen |= self._by_lead(by_lead, deadline, history=history)
        observed = [lease for lease in leases if seen[lease.work_item_id] is not _FAILED]
        if leases and not observed:
            raise CrmUncertainError("crm_error", "HubSpot answers with server errors.")
        return [Observation(lease.work_item_id, lease.fence, seen[lease.work_item_id]) for lease in observed]

    def present(self, contact: Contact, *, with_history: bool = False) -> Present:
        """Turn a contact into a present record.

        Raises:
            CrmUncertainError: if HubSpot left out when it was modified.

        """
        properties, history = contact.properties, contact.properties_with_history or {}
        modified_at = timestamp(properties.get("lastmodifieddate")) or contact.updated_at
        if modified_at is None:
            raise CrmUncertainError("crm_answer_unreadable", "HubSpot left out when a contact was modified.")
        return Present(
            record_id=contact.id,
            modified_at=modified_at,
            readings=self.mapping.readings(properties, self._versions(history), SPELLING),
            source_system=properties.get(SOURCE_MARK) or "",
            marked_lead_id=properties.get(LEAD_MARK) or "",
            with_history=with_history,
            merged_record_ids=tuple(_listed(properties.get("hs_merged_object_ids"))),
            other_emails=tuple(_listed(properties.get("hs_additional_emails"))),
            history_of=self.mapping.fields_of(history) if with_history else (),
            object=OBJECT,
            record_url=self.record_url(contact.id),
        )

    def _by_record(self, ids: list[str], deadline: float, *, history: bool) -> dict[str, State]:
        """Read records by id: live, then in the archive, then one by one."""
        found, refused = self._read(ids, deadline, history=history)
        states: dict[str, State] = {c.id: self.present(c, with_history=history) for c in found if not c.archived}
        states |= refused
        if missing := [record_id for record_id in ids if record_id not in states]:
            archived, unknown = self._read(missing, deadline, archived=True)
            states |= {contact.id: Archived() for contact in archived} | unknown
        for record_id in ids:
            if record_id not in states:
                states[record_id] = self._single(record_id, deadline, history=history)
        return states

    def _single(self, record_id: str, deadline: float, *, history: bool) -> State:
        """GET one record, which follows merges."""
        params = {"properties": ",".join(self.property_names)}
        params |= {"propertiesWithHistory": ",".join(sorted(self.mapping.fields))} if history else {}
        try:
            answer = self.client.call("GET", self.client.paths.contact(record_id), params=params, send_by=deadline)
        except MissingScopesError:
            return Unreadable("missing_scopes")
        except CrmRejectedError as error:
            return Absent() if error.status == 404 else Unreadable("read_refused")
        except CrmUncertainError as error:
            if error.reason != "crm_error":
                raise
            return _FAILED
        contact = answer.as_(Contact)
        if contact.archived:
            return Archived()
        return self.present(contact, with_history=history) if contact.id == record_id else Merged(contact.id)

    def _by_lead(self, leases: list[Lease], deadline: float, *, history: bool) -> dict[str, State]:
        """Look for the contacts of leads: by our mark, then by e-mail (R6, R12). Never by search, which lags behind."""
        found, refused = self._read(
            _unique(lease.lead_id for lease in leases), deadline, history=history, id_property=LEAD_MARK
        )
        by_mark = {contact.properties.get(LEAD_MARK): contact for contact in found}
        rest = [lease for lease in leases if lease.lead_id not in by_mark and lease.lead_id not in refused]
        emails = _unique(lease.email.lower() for lease in rest if lease.email)
        found, refused_emails = self._read(emails, deadline, history=history, id_property="email")
        by_email = {email: contact for contact in found for email in _emails(contact)}

        def state(lease: Lease) -> State:
            contact = by_mark.get(lease.lead_id) or (by_email.get(lease.email.lower()) if lease in rest else None)
            if contact is not None:
                return self.present(contact, with_history=history)
            return refused.get(lease.lead_id) or refused_emails.get(lease.email.lower()) or Absent()

        return {lease.work_item_id: state(lease) for lease in leases}

    def _read(
        self, ids: list[str], deadline: float, *, history: bool = False, archived: bool = False, id_property: str = ""
    ) -> tuple[list[Contact], dict[str, State]]:
        """Read in batches: the contacts found, and the ids that cannot be read. A bad id does not stop the others."""

        def read(part: list[str]) -> list[Contact]:
            body: dict[str, Any] = {
                "inputs": [{"id": record_id} for record_id in part],
                "properties": self.property_names,
            }
            body |= {"propertiesWithHistory": sorted(self.mapping.fields) if history else []}
            body |= {"idProperty": id_property} if id_property else {}
            params = {"archived": "true"} if archived else None
            path = self.client.paths.contacts("batch/read")
            return self.client.call("POST", path, json=body, params=params, send_by=deadline).as_(Batch).results

        contacts: list[Contact] = []
        refused: dict[str, State] = {}
        for part in chunks(ids, _MAX_BATCH_WITH_HISTORY if history else _MAX_BATCH):
            _try([part], read, contacts.extend, refused)
        return contacts, refused

    @property
    def property_names(self) -> list[str]:
        """Properties to ask for: the mapped ones and our marks."""
        return _unique([*self.mapping.fields, *ALWAYS_READ])

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


def split(
    part: list[str],
    read: Callable[[list[str]], list[Contact]],
    keep: Callable[[list[Contact]], None],
    refused: dict[str, State],
) -> None:
    """Read a batch; if HubSpot refuses it or fails on it, read its halves, down to the single record that it refuses.

    Raises:
        CrmUncertainError: if HubSpot fails on a batch of one, so that the fault need not be the record's.

    """
    if not part:
        return
    halves = [part[: len(part) // 2], part[len(part) // 2 :]]
    try:
        keep(read(part))
    except MissingScopesError:
        refused.update(dict.fromkeys(part, Unreadable("missing_scopes")))
    except CrmRejectedError as error:
        if error.status == 404:
            return  # there is none of them
        if len(part) == 1:
            refused[part[0]] = Unreadable("read_refused")
            return
        _try(halves, read, keep, refused)
    except CrmUncertainError as error:
        if len(part) == 1 or error.reason != "crm_error":
            raise
        _try(halves, read, keep, refused)


def _try(
    parts: list[list[str]],
    read: Callable[[list[str]], list[Contact]],
    keep: Callable[[list[Contact]], None],
    refused: dict[str, State],
) -> None:
    """Read parts; one that HubSpot fails on does not stop the others."""
    for part in parts:
        try:
            split(part, read, keep, refused)
        except CrmUncertainError as error:
            if error.reason != "crm_error":
                raise
            refused[part[0]] = _FAILED


def chunks(items: Sequence[_T], size: int) -> list[list[_T]]:
    """Cut into pieces of at most `size`."""
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def timestamp(text: str | None) -> datetime | None:
    """Read a time of HubSpot: ISO 8601, or milliseconds since 1970; None if it is neither."""
    if not text:
        return None
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _unique(items: Iterable[str]) -> list[str]:
    """Give the items without repeats, in order."""
    return list(dict.fromkeys(items))


def _listed(text: str | None) -> list[str]:
    """Items of a `;`-joined value."""
    return [item.strip() for item in (text or "").split(";") if item.strip()]


def _emails(contact: Contact) -> list[str]:
    """All e-mails that identify a contact, in lower case."""
    known = [contact.properties.get("email") or "", *_listed(contact.properties.get("hs_additional_emails"))]
    return [email.lower() for email in known if email]
