"""Writing contacts in batches, with an outcome for each write.

HubSpot's batch update names failures per input when every input has an `objectWriteTraceId`; an upsert may also fail as
a whole. A batch that is refused as a whole is sent again in halves, so that one bad record does not stop 99 others. A
refused batch has changed nothing, so its halves repeat nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crm_connector.domain.errors import CrmError, CrmRejectedError, CrmUncertainError
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.observation import Done, Duplicate, NotSent, Refused, Write, WriteKind, WriteOutcome
from crm_connector.domain.retry import Retries
from crm_connector.providers.hubspot.client import HubSpotClient
from crm_connector.providers.hubspot.contacts import LEAD_MARK, SOURCE_MARK, SPELLING
from crm_connector.providers.hubspot.errors import error_of_entry, is_conflict
from crm_connector.providers.hubspot.facts import modified_of
from crm_connector.providers.hubspot.wire import Batch, Contact, Problem, contacts_of

_NO_CONTENT, _RETRIES = 204, Retries()
Outcomes = dict[str, WriteOutcome]
_PATHS = {
    WriteKind.UPDATE: "batch/update",
    WriteKind.CREATE: "batch/upsert",
    WriteKind.ARCHIVE: "batch/archive",
}


@dataclass(frozen=True, slots=True)
class ContactWriter:
    """Writes contacts of one account; `platform` is the origin mark of records we create."""

    client: HubSpotClient
    mapping: FieldMapping
    platform: str
    retries: Retries

    def write(self, writes: Sequence[Write], send_by: float) -> Outcomes:
        """Carry out writes: write id → outcome; none for a write that may have landed. HubSpot cannot guard them."""
        outcomes: Outcomes = {}
        for kind in _PATHS:
            rest = [write for write in writes if write.kind is kind]
            while rest:
                size = self.client.budget.most_writes
                outcomes |= self._batch(rest[:size], send_by)
                rest = rest[size:]
        return outcomes

    def _batch(self, part: list[Write], send_by: float) -> Outcomes:
        """Send one batch of one kind, but for writes of properties that the token may not see."""
        fields = {write.write_id: self._hidden_fields(write) for write in part}
        hidden: Outcomes = {write_id: Refused("property_missing", some) for write_id, some in fields.items() if some}
        part = [write for write in part if write.write_id not in hidden]
        return hidden | self._send(part, send_by) if part else hidden

    def _hidden_fields(self, write: Write) -> tuple[str, ...]:
        return self.mapping.fields_of(self.client.hidden.names & self.mapping.to_crm(write.values).keys())

    def _send(self, part: list[Write], send_by: float) -> Outcomes:
        try:
            body, path = {"inputs": self._inputs(part)}, self.client.paths.contacts(_PATHS[part[0].kind])
            answer = self.client.call("POST", path, json=body, send_by=send_by, writes=len(part))
            if part[0].kind is WriteKind.ARCHIVE:  # 204 without a body, also for ids that are not there (any more)
                return {write.write_id: Done(write.record_id) for write in part if answer.status == _NO_CONTENT}
            outcomes, unclear = match(part, answer.as_(Batch), self.mapping, self.retries)
        except CrmRejectedError as error:
            if len(part) == 1:
                return {part[0].write_id: refused(error, self.mapping)}
            outcomes, unclear = {}, part
        except CrmUncertainError:
            return {}
        except CrmError as error:
            return {write.write_id: not_sent(error, self.retries) for write in part}
        return outcomes | self._halves(unclear, send_by)

    def _halves(self, part: list[Write], send_by: float) -> Outcomes:
        """Send the halves of a part that HubSpot has refused."""
        half = (len(part) + 1) // 2
        outcomes: Outcomes = {}
        for piece in (part[:half], part[half:]):
            outcomes |= self._batch(piece, send_by) if piece else {}
        return outcomes

    def _inputs(self, part: list[Write]) -> list[dict[str, Any]]:
        """Build the inputs. A create is an upsert on our unique mark, so that a repeated one finds its record (R6)."""
        if part[0].kind is WriteKind.ARCHIVE:
            return [{"id": write.record_id} for write in part]
        return [
            {"id": write.record_id, "properties": properties, "objectWriteTraceId": write.write_id}
            if write.kind is WriteKind.UPDATE
            else {
                "id": write.lead_id,
                "idProperty": LEAD_MARK,
                "properties": properties | {LEAD_MARK: write.lead_id, SOURCE_MARK: self.platform},
                "objectWriteTraceId": write.write_id,
            }
            for write in part
            for properties in (self.mapping.to_crm(write.values, SPELLING),)
        ]


def match(
    part: Sequence[Write], batch: Batch, mapping: FieldMapping, retries: Retries = _RETRIES
) -> tuple[Outcomes, list[Write]]:
    """Match an answer to its inputs: (outcomes, writes that failed without being named).

    An update that is in neither list was not carried out: HubSpot leaves out the ids of merged contacts.
    A create that is in neither list has no outcome; the next reading looks for its mark. Nor has a write whose result
    cannot be decoded, or whose error does not say what happened: the next reading shows what became of it.
    """
    outcomes: Outcomes = {}
    contacts, bad = contacts_of(batch.results)
    for contact in contacts:
        if write := _write_of(part, contact):
            outcomes[write.write_id] = _done(write, contact, mapping)
    unnamed, open_ids = list[Problem](), set[str]()
    for problem in batch.errors or ():
        failed, error = _named(part, problem), error_of_entry(problem)
        outcomes |= {write.write_id: outcome_of(error, mapping, retries) for write in failed if error}
        open_ids |= {write.write_id for write in failed if not error}
        unnamed += [] if failed else [problem]
    done = outcomes.keys() | open_ids
    rest = [write for write in part if write.write_id not in done and not _is_among(bad, write)]
    if not unnamed:
        missing = [write for write in rest if write.kind is WriteKind.UPDATE]
        return outcomes | {write.write_id: NotSent("record_missing") for write in missing}, []
    if len(part) > 1 or not rest:
        return outcomes, rest
    said = next((error for problem in unnamed if (error := error_of_entry(problem))), None)
    return outcomes | ({rest[0].write_id: outcome_of(said, mapping, retries)} if said else {}), []


def _is_among(bad: Sequence[str], write: Write) -> bool:
    """Whether a result that cannot be decoded may be that of a write. `bad` = the ids of such results, as far known."""
    return write.record_id in bad or "" in bad or (bool(bad) and write.kind is WriteKind.CREATE)


def outcome_of(error: CrmError, mapping: FieldMapping, retries: Retries) -> WriteOutcome:
    """Say what the error of a single write means."""
    return refused(error, mapping) if isinstance(error, CrmRejectedError) else not_sent(error, retries)


def refused(error: CrmRejectedError, mapping: FieldMapping) -> WriteOutcome:
    """Say what a rejection of a single write means."""
    if is_conflict(error.category, error.status):
        return Duplicate((error.existing_id,) if error.existing_id else ())
    if error.category == "OBJECT_NOT_FOUND" or error.status == 404:
        return NotSent("record_missing")
    return Refused(error.reason, mapping.fields_of(error.properties))


def not_sent(error: CrmError, retries: Retries) -> NotSent:
    """Say that a write did not happen, and when to try again."""
    return NotSent(error.reason, int(retries.after(error) * 1000))


def _done(write: Write, contact: Contact, mapping: FieldMapping) -> Done:
    """Take HubSpot's spelling of what we wrote; where the answer omits it, what was sent."""
    written = mapping.to_crm(write.values, SPELLING)
    properties = contact.properties or {}
    spelled = {name: properties.get(name, sent) for name, sent in written.items()}
    return Done(contact.id, modified_of(contact), mapping.readings(spelled, spelling=SPELLING))


def _write_of(part: Sequence[Write], contact: Contact) -> Write | None:
    """Find the write that a result belongs to: by trace id, by record id, or by our mark."""
    mark = (contact.properties or {}).get(LEAD_MARK)
    for write in part:
        if contact.object_write_trace_id:
            if contact.object_write_trace_id == write.write_id:
                return write
        elif write.kind is WriteKind.UPDATE:
            if contact.id == write.record_id:
                return write
        elif mark and mark == write.lead_id:
            return write
    return None


def _named(part: Sequence[Write], problem: Problem) -> list[Write]:
    """Find the writes that an entry of a 207 names: by trace id, or by record id (`ids` may hold several)."""
    traces = set(problem.named("objectWriteTraceId"))
    ids = {*problem.named("ids"), *problem.named("id")}
    return [
        write
        for write in part
        if write.write_id in traces
        or (not traces and ids and (write.record_id if write.kind is WriteKind.UPDATE else write.lead_id) in ids)
    ]
