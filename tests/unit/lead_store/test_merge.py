"""The planner: what a three-way merge per field asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.merge import Base, Conflict, Ours, Plan, Theirs, plan
from lead_store.domain.rules import BlankRule, Direction, FieldRule, MergeRule, Reading, Target, Version
from lead_store.domain.values import FieldType, same

T0 = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = TenantFields()
BOTH, TO, FROM = Direction.BIDIRECTIONAL, Direction.TO_CRM, Direction.FROM_CRM


def at(seconds: float) -> datetime:
    """A moment."""
    return T0 + timedelta(seconds=seconds)


def merged(
    ours: str,
    base: str | tuple[str, str] | None,
    theirs: str,
    rule: FieldRule | None = None,
    direction: Direction = BOTH,
    *,
    ours_at: float = 0,
    theirs_at: float | None = None,
    refused: str | None = None,
    field: str = "phone",
) -> Plan:
    """Merge one field; `theirs_at` given means that history was read."""
    versions = () if theirs_at is None else (Version(theirs, theirs, at(theirs_at), ours=False),)
    platform, crm = (base, base) if isinstance(base, str) else base or ("", "")
    return plan(
        Ours({field: ours} if ours else {}, {field: at(ours_at)}, {field: refused} if refused else {}),
        {} if base is None else {field: Base(platform, crm)},
        Theirs({field: Reading(theirs, theirs, versions)}, at(0), with_history=theirs_at is not None),
        {field: replace(rule or FieldRule(), direction=direction, kind=FIELDS.type_of(field))},
    )


@dataclass(frozen=True)
class Row:
    """One line of the truth table: what is there, and what has to come of it."""

    ours: str
    base: str | None
    theirs: str
    to_lead: str | None = None
    to_crm: str | None = None


TABLE = [
    Row("a", "a", "a"),
    Row("b", "a", "a", to_crm="b"),
    Row("a", "a", "b", to_lead="b"),
    Row("b", "a", "b"),
    Row("a", None, "a"),
    Row("a", None, "", to_crm="a"),
    Row("", None, "a", to_lead="a"),
    Row("", "a", "a", to_crm=""),  # what one side clears is cleared on the other
    Row("a", "a", "", to_lead=""),
    Row("", "a", ""),
    Row("", "a", "b", to_lead="b"),
    Row("b", "a", "", to_crm="b"),
]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_truth_table(row: Row) -> None:
    """One side changed: the change flows; both to the same: agreed; an edit wins over a blank."""
    result = merged(row.ours, row.base, row.theirs)
    assert result.to_lead == ({} if row.to_lead is None else {"phone": row.to_lead})
    assert result.to_crm == ({} if row.to_crm is None else {"phone": row.to_crm})
    assert not result.conflicts


def test_a_blank_replaces_nothing_where_the_rule_says_so() -> None:
    """With the rule `keep`, a value flows back to the side that was cleared."""
    keep = FieldRule(blank=BlankRule.KEEP)
    assert merged("a", "a", "", keep).to_crm == {"phone": "a"}
    assert merged("", "a", "a", keep).to_lead == {"phone": "a"}
    assert merged("b", "a", "", keep).to_crm == {"phone": "b"}


@pytest.mark.parametrize("merge", MergeRule)
def test_an_edit_wins_over_a_blank_whatever_the_merge_rule_is(merge: MergeRule) -> None:
    """With the rule `follow`, nobody is asked; but a direction that forbids the edit to flow leaves both sides."""
    follow = FieldRule(merge)
    assert merged("b", "a", "", follow).to_crm == {"phone": "b"}
    assert merged("", "a", "b", follow).to_lead == {"phone": "b"}
    assert merged("b", "a", "", follow, FROM) == Plan(base={"phone": Base("a", "a")})
    assert merged("", None, "b", follow).to_lead == {"phone": "b"}


def test_a_blank_clears_even_an_edit_where_the_rule_says_so() -> None:
    """With the rule `clear`, a blank is a change like any other, both ways; on the first link it is still filled."""
    clear = FieldRule(blank=BlankRule.CLEAR)
    assert merged("a", "a", "", clear).to_lead == {"phone": ""}
    assert merged("", "a", "a", clear).to_crm == {"phone": ""}
    assert merged("a", None, "", clear).to_crm == {"phone": "a"}
    assert merged("b", "a", "", replace(clear, merge=MergeRule.CRM)).to_lead == {"phone": ""}


@pytest.mark.parametrize(
    ("rule", "to_lead", "to_crm"),
    [(MergeRule.CRM, {"phone": "c"}, {}), (MergeRule.PLATFORM, {}, {"phone": "b"}), (MergeRule.ASK, {}, {})],
)
def test_a_doubly_changed_field_follows_its_rule(
    rule: MergeRule, to_lead: dict[str, str], to_crm: dict[str, str]
) -> None:
    """Both sides changed and differ: the CRM's, the platform's, or nobody's until a person is asked."""
    result = merged("b", "a", "c", FieldRule(rule))
    assert (result.to_lead, result.to_crm) == (to_lead, to_crm)
    assert result.conflicts == ({"phone": Conflict("b", "c", "c", "a")} if rule is MergeRule.ASK else {})


def test_newest_compares_property_history_with_our_change_time() -> None:
    """The later change wins; without history the planner asks for it, and only for a doubly changed field."""
    assert merged("b", "a", "c").needs_history
    assert not merged("b", "a", "a").needs_history
    assert merged("b", "a", "c", ours_at=5, theirs_at=4).to_crm == {"phone": "b"}
    assert merged("b", "a", "c", ours_at=4, theirs_at=5).to_lead == {"phone": "c"}


def test_the_crm_may_spell_a_value_its_own_way() -> None:
    """A side has changed when it differs from its own spelling of the base, so normalisation is no change."""
    assert merged("0171 1", ("0171 1", "+49171 1"), "+49171 1").to_lead == {}
    assert merged("0171 2", ("0171 1", "+49171 1"), "+49171 1").to_crm == {"phone": "0171 2"}


def test_r10_spellings_with_one_normal_form_are_equal() -> None:
    """E-mail case and outer space make no difference; only the stored spelling is refreshed."""
    result = merged("Ann@X.org", None, " ann@x.org", field="email")
    assert (result.to_lead, result.to_crm) == ({}, {})
    assert result.base == {"email": Base("Ann@X.org", " ann@x.org")}


def second(ours: str, base: tuple[str, str] | None, theirs: str, direction: Direction = BOTH) -> Plan:
    """Merge the e-mail of a contact that has s@x.org as a further address."""
    return plan(
        Ours({"email": ours} if ours else {}, {}),
        {} if base is None else {"email": Base(*base)},
        Theirs({"email": Reading(theirs, theirs)}, at(0), with_history=True, also={"email": ["o@x.org", "s@x.org"]}),
        {"email": FieldRule(kind=FieldType.EMAIL, direction=direction, merge=MergeRule.ASK)},
    )


@pytest.mark.parametrize("direction", [BOTH, FROM, TO])
def test_at_the_first_meeting_any_address_of_the_record_is_equal(direction: Direction) -> None:
    """The lead keeps the further address and the contact its first one: each is its side's spelling of the base."""
    assert second("S@x.org", None, "p@x.org", direction) == Plan(base={"email": Base("S@x.org", "p@x.org")})
    other = second("t@x.org", None, "p@x.org", BOTH)
    assert list(other.conflicts) == ["email"]


def test_once_a_person_changes_an_address_it_flows() -> None:
    """On either side, also to an address that the record has as a further one."""
    base = ("s@x.org", "p@x.org")
    assert second("s@x.org", base, "p@x.org") == Plan(base={"email": Base(*base)})
    assert second("t@x.org", base, "p@x.org").to_crm == {"email": "t@x.org"}
    assert second("s@x.org", base, "q@x.org").to_lead == {"email": "q@x.org"}
    assert second("s@x.org", ("p@x.org", "p@x.org"), "p@x.org").to_crm == {"email": "s@x.org"}


def test_a_further_value_belongs_to_one_field_only() -> None:
    """Another field with the same value is merged as ever."""
    theirs = Theirs({"phone": Reading("2", "2")}, at(0), also={"email": ["1"]})
    result = plan(Ours({"phone": "1"}, {}), {}, theirs, {"phone": FieldRule(merge=MergeRule.CRM)})
    assert result.to_lead == {"phone": "2"}


@pytest.mark.parametrize("direction", [BOTH, FROM])
def test_r10_another_spelling_in_the_crm_is_no_change_there(direction: Direction) -> None:
    """A CRM that formats a phone number after we have read it does not undo what a person has set here meanwhile."""
    result = merged("2", "+1 555 0100", "+1 (555) 0100", FieldRule(MergeRule.CRM), direction)
    assert (result.to_lead, result.conflicts) == ({}, {})
    assert result.to_crm == ({"phone": "2"} if direction is BOTH else {})


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("+49 (171) 1-2", "004917112", True),
        ("0171 12", "017112", True),
        ("123 ext. 4", "1234", False),
        ("+1", "1", False),
        ("", "0", False),
        ("ask Ann", "ask Bob", False),
    ],
)
def test_r10_phone_numbers_are_equal_by_their_digits(one: str, other: str, *, equal: bool) -> None:
    """Punctuation and the two ways to dial abroad make no difference; words and extensions do."""
    assert same(FieldType.PHONE, one, other) is equal


def test_r18_one_way_a_doubly_changed_field_goes_the_allowed_way() -> None:
    """Whatever the rule says, one direction decides alone; the value that gives way is kept for the history."""
    for rule in MergeRule:
        out = merged("b", "a", "c", FieldRule(rule), TO)
        assert (out.to_crm, out.to_lead, out.replaced) == ({"phone": "b"}, {}, {"phone": "c"})
        back = merged("b", "a", "c", FieldRule(rule), FROM)
        assert (back.to_crm, back.to_lead, back.replaced) == ({}, {"phone": "c"}, {"phone": "b"})


def test_r18_a_forbidden_flow_leaves_the_base() -> None:
    """A change that may not flow changes nothing, so that it is still a change later."""
    assert merged("a", "a", "b", direction=TO).base == {"phone": Base("a", "a")}
    assert merged("b", "a", "a", direction=FROM).base == {"phone": Base("a", "a")}


def test_r18_each_field_has_a_way_of_its_own() -> None:
    """A field goes where its own direction and the integration's both lead; without anything in common, nowhere."""
    fields = {"email": BOTH, "phone": TO, "company": FROM}
    rules = {name: FieldRule(direction=direction) for name, direction in fields.items()}
    target = Target("i", "t", "hubspot", "1", BOTH, rules)
    assert {name: rule.direction for name, rule in target.flows.items()} == fields
    one_way = replace(target, direction=FROM)
    assert {name: rule.direction for name, rule in one_way.flows.items()} == {"email": FROM, "company": FROM}
    theirs = Theirs({name: Reading("new", "new") for name in fields}, at(0), with_history=True)
    result = plan(Ours(dict.fromkeys(fields, "old"), {}), {n: Base("a", "a") for n in fields}, theirs, target.flows)
    assert (set(result.to_crm), set(result.to_lead)) == ({"phone"}, {"email", "company"})


def test_r19_a_property_that_was_not_read_is_unknown() -> None:
    """A reading without the property decides nothing about it, least of all that it is blank."""
    theirs = Theirs({}, at(0))
    assert plan(Ours({"phone": "a"}, {}), {}, theirs, {"phone": FieldRule()}) == Plan(base={})


def test_r21_a_refused_value_is_not_sent_again() -> None:
    """A value that the CRM refused waits; another one is sent."""
    assert merged("bad", "a", "a", refused="bad").to_crm == {}
    assert merged("good", "a", "a", refused="bad").to_crm == {"phone": "good"}


value = st.sampled_from(["", "a", "b", "c", "d"])
side = st.fixed_dictionaries({"phone": value, "company": value})
bases = st.none() | st.fixed_dictionaries({"phone": st.tuples(value, value), "company": st.tuples(value, value)})
kinds = st.sampled_from([FieldType.TEXT, FieldType.PHONE])  # values of these keep their spelling
rules = st.builds(FieldRule, st.sampled_from(MergeRule), st.sampled_from(BlankRule), st.sampled_from(Direction), kinds)
history = st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9))


def sides(ours: Mapping[str, str], theirs: Mapping[str, str], times: tuple[int, int] | None) -> tuple[Ours, Theirs]:
    """Both sides of a record; without times no history was read."""
    mine, other = times or (0, 0)
    readings = {n: Reading(v, v, (Version(v, v, at(other), ours=False),) if times else ()) for n, v in theirs.items()}
    return Ours(ours, dict.fromkeys(ours, at(mine))), Theirs(readings, at(other), with_history=times is not None)


@given(side, bases, side, st.fixed_dictionaries({"phone": rules, "company": rules}), history)
def test_laws_of_one_plan(
    ours: dict[str, str],
    base: dict[str, tuple[str, str]] | None,
    theirs: dict[str, str],
    rule: dict[str, FieldRule],
    times: tuple[int, int] | None,
) -> None:
    """No invented value, no forbidden flow, no field both ways, nothing replaced unnoted, no question with history."""
    mine, other = sides(ours, theirs, times)
    result = plan(mine, {n: Base(*b) for n, b in (base or {}).items()}, other, rule)
    assert all(result.to_lead[name] == theirs[name] for name in result.to_lead)
    assert all(result.to_crm[name] == ours[name] for name in result.to_crm)
    assert not result.to_lead.keys() & result.to_crm.keys()
    assert all(rule[name].direction.from_crm for name in result.to_lead)
    assert all(rule[name].direction.to_crm for name in result.to_crm)
    assert result.replaced.keys() == result.to_lead.keys() | result.to_crm.keys()
    assert not (result.needs_history and times)


@given(side, bases, side, st.fixed_dictionaries({"phone": rules, "company": rules}))
def test_l1_l3_a_plan_that_was_carried_out_leaves_nothing_to_do(
    ours: dict[str, str],
    base: dict[str, tuple[str, str]] | None,
    theirs: dict[str, str],
    rule: dict[str, FieldRule],
) -> None:
    """After both sides took their values, the next plan writes nothing, and two-way fields agree or are in conflict."""
    mine, other = sides(ours, theirs, (1, 2))
    first = plan(mine, {n: Base(*b) for n, b in (base or {}).items()}, other, rule)
    after_ours, after_theirs = {**ours, **first.to_lead}, {**theirs, **first.to_crm}
    settled = {**first.base, **{name: Base(v, v) for name, v in first.to_crm.items()}}
    mine, other = sides(after_ours, after_theirs, (1, 2))
    second = plan(mine, settled, other, rule)
    assert (second.to_lead, second.to_crm) == ({}, {})
    if base is None:
        for name in (name for name in ours if rule[name].direction is BOTH):
            assert same(rule[name].kind, after_ours[name], after_theirs[name]) or name in second.conflicts


@given(side, side, st.fixed_dictionaries({"phone": rules, "company": rules}))
def test_l4_an_echo_of_our_own_write_asks_for_nothing(
    ours: dict[str, str], spelled: dict[str, str], rule: dict[str, FieldRule]
) -> None:
    """Whatever the CRM made of our values, a record that still reads as the base says moves nothing."""
    base = {name: Base(ours[name], spelled[name]) for name in ours}
    mine, other = sides(ours, spelled, None)
    result = plan(mine, base, other, rule)
    assert (result.to_lead, result.to_crm, result.conflicts) == ({}, {}, {})
