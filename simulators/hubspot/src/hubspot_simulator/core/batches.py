"""Batch calls on contacts: at most 100 inputs; some faults fail the whole batch, others one input."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.clock import iso
from hubspot_simulator.core.contact import Contact
from hubspot_simulator.core.contacts import ContactStore
from hubspot_simulator.core.errors import ApiError, not_found, some_not_found, validation
from hubspot_simulator.core.records import created, record, traced, written
from hubspot_simulator.core.validation import clean

MAX_INPUTS = 100
MAX_INPUTS_WITH_HISTORY = 50
Input = Mapping[str, Any]


class Outcome:
    """The answer to a batch call."""

    def __init__(self, store: ContactStore, success: int = 200) -> None:
        self._clock = store.clock
        self._started_ms = store.clock.now_ms()
        self._success = success
        self.results: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []

    @property
    def status(self) -> int:
        """207 as soon as there is an error among the results."""
        return 207 if self.errors else self._success

    def body(self) -> dict[str, Any]:
        """The envelope; `numErrors` counts entries, not failed inputs (recorded 207)."""
        body: dict[str, Any] = {
            "status": "COMPLETE",
            "results": self.results,
            "startedAt": iso(self._started_ms),
            "completedAt": iso(self._clock.now_ms()),
        }
        if self.errors:
            body |= {"numErrors": len(self.errors), "errors": self.errors}
        return body


def read(store: ContactStore, body: Input, archived: bool = False) -> Outcome:
    """Read by id (merged ids give the survivor) or unique value; one 207 entry names the missing ones."""
    history = [str(name) for name in body.get("propertiesWithHistory") or []]
    inputs = inputs_of(body, MAX_INPUTS_WITH_HISTORY if history else MAX_INPUTS)
    properties = [str(name) for name in body.get("properties") or []]
    outcome = Outcome(store)
    missing: list[str] = []
    seen: set[int] = set()
    for given in dict.fromkeys(_id(item) for item in inputs):
        contact = store.find(given, body.get("idProperty"))
        if contact is None or contact.archived != archived:
            missing.append(given)
        elif contact.id not in seen:
            seen.add(contact.id)
            outcome.results.append(record(store.shown(contact), store.portal_id, store.catalog, properties, history))
    if missing:
        outcome.errors.append(some_not_found(missing).entry())
    return outcome


def create(store: ContactStore, body: Input, author: Author) -> Outcome:
    """Create; all or nothing, unless every input has its objectWriteTraceId (using-object-APIs guide)."""
    inputs = inputs_of(body)

    def plan(item: Input) -> tuple[Contact | None, dict[str, str]]:
        return None, creatable(store, item.get("properties"))

    def apply(item: Input) -> dict[str, Any]:
        contact = store.create(creatable(store, item.get("properties")), author)
        return created(contact, store.portal_id, _trace(item))

    return _write_all(store, inputs, plan, apply, Outcome(store, 201))


def update(store: ContactStore, body: Input, author: Author) -> Outcome:
    """Update by record id or unique custom property.

    Missing ids make one 207 entry, a merged-away id is silently left out of the results, a repeated id is a
    400, and
    an e-mail as idProperty is refused (hubspot-api-nodejs#548).
    """
    inputs = inputs_of(body)
    _refuse_repeated(inputs)
    for item in inputs:
        if str(item.get("idProperty") or "").lower() in ("email", "hs_object_id"):
            raise validation(
                f"Unable to perform update/upsert by non-unique 0-1 property {item['idProperty']} "
                f"in portal ID {store.portal_id}"
            )
    outcome = Outcome(store)
    present = [item for item in inputs if not (not item.get("idProperty") and store.is_merged_away(_id(item)))]
    missing = [item for item in present if _live(store, item) is None]
    traced_all = _is_traced(inputs)
    if missing and traced_all:
        outcome.errors += [some_not_found([_id(item)]).entry(_trace(item)) for item in missing]
    elif missing:
        outcome.errors.append(some_not_found([_id(item) for item in missing]).entry())
    lost = {_key(item) for item in missing}

    def plan(item: Input) -> tuple[Contact | None, dict[str, str]]:
        return _live(store, item), clean(store.catalog, item.get("properties", {}), store.portal_id)

    def apply(item: Input) -> dict[str, Any]:
        contact, values = plan(item)
        if contact is None:
            raise not_found(_id(item))
        store.update(contact, values, author)
        return written(contact, store.portal_id, values, _trace(item))

    return _write_all(store, [item for item in present if _key(item) not in lost], plan, apply, outcome)


def upsert(store: ContactStore, body: Input, author: Author) -> Outcome:
    """Update the contact that has the e-mail or unique value, or create it; `new` says whether it was created."""
    inputs = inputs_of(body)
    _refuse_repeated(inputs)
    for item in inputs:
        if not item.get("idProperty"):
            raise validation("idProperty is required for every input of a batch upsert")
        if str(item["idProperty"]).lower() == "hs_object_id":
            raise validation(
                f"Unable to perform update/upsert by non-unique 0-1 property hs_object_id "
                f"in portal ID {store.portal_id}"
            )

    def plan(item: Input) -> tuple[Contact | None, dict[str, str]]:
        name = str(item["idProperty"]).lower()
        contact = store.find(_id(item), name)
        given = clean(store.catalog, item.get("properties", {}), store.portal_id)
        if contact is None or name != "email":
            given = clean(store.catalog, {name: _id(item)}, store.portal_id) | given
        return contact, given

    def apply(item: Input) -> dict[str, Any]:
        contact, values = plan(item)
        if contact is None:
            made = store.create(values, author)
            return created(made, store.portal_id, _trace(item)) | {"new": True}
        store.update(contact, values, author)
        return written(contact, store.portal_id, values, _trace(item)) | {"new": False}

    return _write_all(store, inputs, plan, apply, Outcome(store))


def archive(store: ContactStore, body: Input, author: Author) -> None:
    """Archive; unknown ids are ignored."""
    for item in inputs_of(body):
        contact = store.get(_id(item))
        if contact is not None:
            store.archive(contact, author)


def creatable(store: ContactStore, properties: object) -> dict[str, str]:
    """Clean values of a create, which needs at least one of e-mail and names (contacts guide)."""
    values = clean(store.catalog, properties if properties is not None else {}, store.portal_id)
    if not any(values.values()):
        raise validation("At least one of email, firstname or lastname must be set to create a contact")
    return values


def inputs_of(body: Input, most: int = MAX_INPUTS) -> list[Input]:
    """The inputs of a batch body; 400 above the limit (the wording is a guess)."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(item, Mapping) for item in inputs):
        raise validation("Some required fields were not set: [inputs]")
    if len(inputs) > most:
        raise validation(f"The maximum number of inputs supported in a batch request is {most}")
    return inputs


def _write_all(
    store: ContactStore,
    inputs: Sequence[Input],
    plan: Callable[[Input], tuple[Contact | None, dict[str, str]]],
    apply: Callable[[Input], dict[str, Any]],
    outcome: Outcome,
) -> Outcome:
    """With trace ids each input succeeds or fails alone; without them the first fault refuses the whole batch."""
    if _is_traced(inputs):
        for item in inputs:
            try:
                outcome.results.append(apply(item))
            except ApiError as error:
                outcome.errors.append(error.entry(_trace(item)))
        return outcome
    claimed: set[tuple[str, str]] = set()
    for item in inputs:
        contact, values = plan(item)
        store.check(values, contact)
        wanted = store.identifiers(values)
        repeated = claimed.intersection(wanted)
        if repeated:
            raise validation(f"Duplicate values found in batch input: {sorted(repeated)}")
        claimed.update(wanted)
    outcome.results += [traced(apply(item), _trace(item)) for item in inputs]
    return outcome


def _is_traced(inputs: Sequence[Input]) -> bool:
    return bool(inputs) and all(_trace(item) is not None for item in inputs)


def _trace(item: Input) -> str | None:
    given = item.get("objectWriteTraceId")
    return None if given in (None, "") else str(given)


def _id(item: Input) -> str:
    given = item.get("id")
    if given in (None, ""):
        raise validation("Some required fields were not set: [id]")
    return str(given)


def _key(item: Input) -> tuple[str, str]:
    return str(item.get("idProperty") or ""), _id(item).lower()


def _live(store: ContactStore, item: Input) -> Contact | None:
    contact = store.find(_id(item), item.get("idProperty"))
    return None if contact is None or contact.archived else contact


def _refuse_repeated(inputs: Sequence[Input]) -> None:
    keys = [_key(item) for item in inputs]
    repeated = list(dict.fromkeys(key[1] for key in keys if keys.count(key) > 1)) if len(set(keys)) < len(keys) else []
    if repeated:
        raise validation(
            f"Duplicate IDs found in batch input: [{', '.join(repeated)}]. IDs must be unique", ids=repeated
        )
