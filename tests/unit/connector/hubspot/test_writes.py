"""Matching the answer of a batch to the writes that were in it."""

import msgspec
import pytest
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.observation import Done, Duplicate, NotSent, Reading, Refused, Write, WriteKind
from crm_connector.domain.transforms import Transform, TransformKind
from crm_connector.providers.hubspot.wire import Batch
from crm_connector.providers.hubspot.writes import match

MAPPING = FieldMapping({"email": "email", "phone": "phone"})
SENT = (Reading("phone", "1", "1"),)  # where the answer omits what was written


def _update(number: int) -> Write:
    return Write(f"w{number}", WriteKind.UPDATE, str(number), f"lead-{number}", {"phone": "1"})


def _create(number: int) -> Write:
    return Write(f"w{number}", WriteKind.CREATE, "", f"lead-{number}", {"phone": "1"})


def _batch(**members: object) -> Batch:
    return msgspec.json.decode(msgspec.json.encode({"results": []} | members), type=Batch)


def test_results_are_matched_by_record_id_in_any_order() -> None:
    """A shuffled answer without trace ids is matched by id."""
    answer = _batch(results=[{"id": "2", "properties": {"phone": "+1"}}, {"id": "1", "properties": {}}])

    outcomes, unclear = match([_update(1), _update(2)], answer, MAPPING)

    assert unclear == []
    second = outcomes["w2"]
    assert isinstance(second, Done)
    assert [(reading.field, reading.crm) for reading in second.readings] == [("phone", "+1")]
    assert Done("1", readings=SENT) == outcomes["w1"]


def test_results_are_matched_by_trace_id_first() -> None:
    """A create is matched by its trace id, or by our mark in the answer."""
    by_trace = {"id": "71", "objectWriteTraceId": "w1"}
    by_mark = {"id": "72", "properties": {"leadsync_lead_id": "lead-2"}}

    outcomes, _ = match([_create(1), _create(2)], _batch(results=[by_mark, by_trace]), MAPPING)

    assert {"w1": Done("71", readings=SENT), "w2": Done("72", readings=SENT)} == outcomes


def test_only_what_was_written_is_taken_over() -> None:
    """A property that the answer adds on its own is not a reading of this write."""
    answer = _batch(results=[{"id": "1", "properties": {"phone": "+1", "email": "x@example.com"}}])

    outcomes, _ = match([_update(1)], answer, MAPPING)

    done = outcomes["w1"]
    assert isinstance(done, Done)
    assert [reading.field for reading in done.readings] == ["phone"]


def test_r7_the_base_gets_the_crms_spelling_also_where_the_answer_omits_it() -> None:
    """What was sent went through the steps of the mapping, and that is what the CRM holds."""
    steps = {"phone": (Transform(TransformKind.OPTIONS, options=(("ONE", "1"),)),)}
    answer = _batch(results=[{"id": "1", "properties": {}}])

    outcomes, _ = match([_update(1)], answer, FieldMapping(MAPPING.properties, steps))

    assert outcomes == {"w1": Done("1", readings=(Reading("phone", "ONE", "1"),))}


def test_errors_are_matched_by_trace_id_and_by_ids() -> None:
    """Conflicts, validation errors and missing records each find their writes, several at once."""
    errors = [
        {"category": "CONFLICT", "context": {"objectWriteTraceId": ["w1"], "existingId": ["99"]}},
        {
            "category": "VALIDATION_ERROR",
            "context": {"objectWriteTraceId": ["w2"]},
            "errors": [{"code": "INVALID_EMAIL", "context": {"propertyName": ["email"]}}],
        },
        {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["3", "4"]}},
    ]

    outcomes, unclear = match([_update(n) for n in range(1, 5)], _batch(errors=errors), MAPPING)

    assert {
        "w1": Duplicate(("99",)),
        "w2": Refused("invalid_email", ("email",)),
        "w3": NotSent("record_missing"),
        "w4": NotSent("record_missing"),
    } == outcomes
    assert unclear == []


def test_a_merged_away_id_that_is_silently_dropped_was_not_sent() -> None:
    """HubSpot leaves it out of the results and reports no error."""
    outcomes, _ = match([_update(1), _update(2)], _batch(results=[{"id": "1"}]), MAPPING)

    assert {"w1": Done("1", readings=SENT), "w2": NotSent("record_missing")} == outcomes


def test_a_create_that_is_silently_dropped_has_no_outcome() -> None:
    """It may be there under another spelling of its mark: the next reading finds out."""
    outcomes, unclear = match(
        [_create(1), _create(2)], _batch(results=[{"id": "71", "objectWriteTraceId": "w1"}]), MAPPING
    )

    assert ({"w1": Done("71", readings=SENT)}, []) == (outcomes, unclear)


def test_failures_without_a_name_are_asked_again() -> None:
    """Writes without a result are then sent in smaller parts; of one that was sent alone it is clear whose it is."""
    unnamed = {"category": "VALIDATION_ERROR", "message": "no"}

    _, unclear = match([_update(1), _update(2), _update(3)], _batch(results=[{"id": "2"}], errors=[unnamed]), MAPPING)
    _, one = match([_update(1), _update(2)], _batch(results=[{"id": "2"}], errors=[unnamed]), MAPPING)
    outcomes, none = match([_update(1)], _batch(errors=[unnamed]), MAPPING)

    assert [write.write_id for write in unclear] == ["w1", "w3"]
    assert [write.write_id for write in one] == ["w1"]
    assert ({"w1": Refused("crm_refused")}, []) == (outcomes, none)


@pytest.mark.parametrize("problem", [{}, {"message": "no"}, {"context": {}, "errors": []}])
def test_an_error_that_says_nothing_is_no_refusal(problem: dict[str, object]) -> None:
    """Neither category nor context: the write has no outcome, and the next reading shows what became of it."""
    assert match([_update(1)], _batch(errors=[problem]), MAPPING) == ({}, [])


@pytest.mark.parametrize("problem", [{"message": "no"}, {"category": "INTERNAL_ERROR"}])
@pytest.mark.parametrize("write", [_update(1), _create(1)])
def test_an_error_that_names_a_write_and_no_cause_is_no_refusal(problem: dict[str, object], write: Write) -> None:
    """The write may have landed: it neither fails nor is sent again."""
    named = problem | {"context": {"objectWriteTraceId": ["w1"]}}

    assert match([write, _update(2)], _batch(results=[{"id": "2"}], errors=[named]), MAPPING) == (
        {"w2": Done("2", readings=SENT)},
        [],
    )


def test_a_write_that_was_too_much_or_not_allowed_waits() -> None:
    """Its entry says that it was not carried out, and nothing is wrong with its values."""
    errors = [
        {"category": "RATE_LIMITS", "context": {"objectWriteTraceId": ["w1"]}},
        {"category": "MISSING_SCOPES", "context": {"objectWriteTraceId": ["w2"]}},
    ]

    outcomes, _ = match([_update(1), _update(2)], _batch(errors=errors), MAPPING)
    alone, _ = match([_update(1)], _batch(errors=[{"category": "RATE_LIMITS"}]), MAPPING)

    assert outcomes == {"w1": NotSent("rate_limited", 10_000), "w2": NotSent("missing_scopes", 60_000)}
    assert alone == {"w1": NotSent("rate_limited", 10_000)}


def test_a_result_of_another_form_leaves_only_its_write_without_an_outcome() -> None:
    """The write was carried out, and the next reading shows how: it neither fails nor is sent again."""
    bad = {"id": "2", "properties": {"phone": ["1"]}}
    unnamed = {"category": "VALIDATION_ERROR", "message": "no"}

    outcomes, unclear = match([_update(1), _update(2)], _batch(results=[bad, {"id": "1"}]), MAPPING)
    _, again = match([_update(1), _update(2), _update(3)], _batch(results=[bad], errors=[unnamed]), MAPPING)

    assert ({"w1": Done("1", readings=SENT)}, []) == (outcomes, unclear)
    assert [write.write_id for write in again] == ["w1", "w3"]
