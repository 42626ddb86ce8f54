"""The connector's conversions and lead-store's planner together: a change crosses once and does not come back."""

from dataclasses import replace
from datetime import UTC, datetime

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import FieldMapping
from crm_connector.domain.transforms import Transform, TransformKind, check_steps
from crm_connector.domain.values import ValueType
from crm_connector.providers.hubspot.spelling import HubSpotSpelling
from hypothesis import given, reject
from hypothesis import strategies as st
from lead_store.domain.merge import Base, Ours, Theirs, plan
from lead_store.domain.rules import BlankRule, Direction, FieldRule, MergeRule, Reading
from lead_store.domain.values import FieldType

AT = datetime(2026, 1, 1, tzinfo=UTC)
FIELD, PROPERTY = "custom_fields.x", "p"
PLAIN = [Transform(kind) for kind in TransformKind if kind not in {TransformKind.OPTIONS, TransformKind.PHONE_E164}]
words = st.text("aAb1", min_size=1, max_size=2)
tables = st.dictionaries(words, words, min_size=1, max_size=3).map(
    lambda pairs: Transform(TransformKind.OPTIONS, options=tuple(pairs.items()))
)
steps = st.lists(st.sampled_from([*PLAIN, Transform(TransformKind.PHONE_E164, "CH")]), max_size=2)
chains = st.tuples(steps, st.lists(tables, max_size=1)).map(lambda parts: (*parts[0], *parts[1]))
values = st.text("aAb1 ;", max_size=4) | st.sampled_from(["", "044 668 18 00", "+41446681800", "2026-01-01T10:00:00Z"])
rules = st.builds(FieldRule, st.sampled_from(MergeRule), st.sampled_from(BlankRule), st.sampled_from(Direction))


def _readings(mapping: FieldMapping, crm: str) -> Theirs:
    found = {one.field: Reading(one.crm, one.value) for one in mapping.readings({PROPERTY: crm})}
    return Theirs(found, AT, with_history=True)


@given(chains, values, values, st.none() | st.tuples(values, values), rules)
def test_l3_l4_a_plan_that_was_carried_out_leaves_nothing_to_do(
    chain: tuple[Transform, ...], ours: str, crm: str, known: tuple[str, str] | None, rule: FieldRule
) -> None:
    """Whatever each side holds, its way is taken once: what we wrote comes back as no change, in either spelling."""
    try:
        check_steps("p", chain or (Transform(TransformKind.TRIM),), longest_option=100)
    except InvalidError:
        reject()  # no such mapping can be saved
    mapping = FieldMapping({FIELD: PROPERTY}, {FIELD: chain})
    base = {FIELD: Base(*known)} if known else {}

    first = plan(Ours({FIELD: ours}, {}), base, _readings(mapping, crm), {FIELD: rule})
    lead = first.to_lead.get(FIELD, ours)
    record = mapping.to_crm(first.to_crm).get(PROPERTY, crm)
    settled = first.base | {name: Base(value, record) for name, value in first.to_crm.items()}
    second = plan(Ours({FIELD: lead}, {}), settled, _readings(mapping, record), {FIELD: rule})

    assert (second.to_lead, second.to_crm) == ({}, {})


SPELT = {
    "number": ["1800", "1800.00", "1.8e3", "-0", "12.50"],
    "boolean": ["true", "True", "false"],
    "date": ["2000-02-29", "951782400000", "2000-02-29T00:00:00Z"],
    "datetime": ["2026-11-29T15:04:05Z", "2026-11-29T16:04:05+0100", "1796223845000"],
    "multi_choice": ["red;rose", "rose;red", "red; red", "rose"],
    "text": ["red;rose", "1800.00", "true", "2000-02-29", "x"],
}
PAIRS = [(kind, kind) for kind in SPELT] + [(kind, "text") for kind in SPELT] + [("text", kind) for kind in SPELT]


@given(st.sampled_from(PAIRS), st.data(), rules)
def test_l3_l4_values_of_any_type_cross_once(pair: tuple[str, str], data: st.DataObject, rule: FieldRule) -> None:
    """Of each lead type and kind of property that may be mapped, a value is written once, in whatever spelling."""
    lead_type, kind = pair
    spelt = {name: st.sampled_from(["", *SPELT[name]]) for name in pair}
    rule = replace(rule, kind=FieldType(lead_type))
    ours = rule.canonical(data.draw(spelt[lead_type])) or ""
    crm, spelling = data.draw(spelt[kind]), HubSpotSpelling()
    agreed = st.tuples(st.just(data.draw(spelt[lead_type])), st.just(data.draw(spelt[kind])))
    known = data.draw(st.none() | agreed)
    mapping = FieldMapping({FIELD: PROPERTY}, types={FIELD: ValueType(lead_type)}, kinds={FIELD: ValueType(kind)})
    base = {FIELD: Base(*known)} if known else {}

    def read(record: str) -> Theirs:
        """Read the record. A value that is not of the lead field's type is left alone, as lead-store does."""
        found = mapping.readings({PROPERTY: record}, spelling=spelling)
        values = {one.field: (one.crm, rule.canonical(one.value)) for one in found}
        readings = {name: Reading(spelt_so, value) for name, (spelt_so, value) in values.items() if value is not None}
        return Theirs(readings, AT, with_history=True)

    first = plan(Ours({FIELD: ours}, {}), base, read(crm), {FIELD: rule})
    lead = first.to_lead.get(FIELD, ours)
    record = mapping.to_crm(first.to_crm, spelling).get(PROPERTY, crm)
    settled = first.base | {name: Base(value, record) for name, value in first.to_crm.items()}
    second = plan(Ours({FIELD: lead}, {}), settled, read(record), {FIELD: rule})

    assert (second.to_lead, second.to_crm) == ({}, {})
