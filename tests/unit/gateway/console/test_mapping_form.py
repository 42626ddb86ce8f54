"""The mapping editor's form: rows from settings, and settings from what was sent back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webhook_gateway.console.mapping_form import COLUMNS, rows_of, settings_from
from webhook_gateway.problem import Problem
from webhook_gateway.resources.crm_fields import CrmField
from webhook_gateway.resources.integration_settings import Transform
from webhook_gateway.resources.lead_fields import DeclaredField
from webhook_gateway.resources.policy import EffectiveRule


def declared(name: str, label: str = "") -> DeclaredField:
    """A field of leads."""
    return DeclaredField(name, label, "text", [], standard=False)


def prop(name: str, label: str = "", *, read_only: bool = False) -> CrmField:
    """A property of the CRM."""
    return CrmField(name, None, label, "string", read_only, [], None)


def sent(**row: str) -> dict[str, list[str]]:
    """One row of the form."""
    given = {"direction": "bidirectional", "rule": "newest", "blank": "follow"} | row
    return {name: [given.get(name, "")] for name in ("name", *COLUMNS)}


def test_all_fields_are_rows_and_the_mapped_ones_come_first() -> None:
    """Also custom fields that nobody declared; a property of the same name is suggested unless it is taken."""
    rows = rows_of(
        [declared("email"), declared("phone"), declared("customFields.score", "Lead score")],
        {"email": "email", "customFields.old": "old"},
        {},
        {},
        [prop("email"), prop("old"), prop("lead_score", "Lead Score"), prop("phone")],
    )
    assert [row.name for row in rows] == ["email", "customFields.old", "phone", "customFields.score"]
    assert [row.suggested for row in rows] == ["", "", "phone", "lead_score"]


def test_a_problem_stands_beside_its_row() -> None:
    """A property that is gone, and one that nobody may write."""
    rules = {"a": EffectiveRule(), "c": EffectiveRule(direction="from_crm")}
    rows = rows_of(
        [declared("a"), declared("b"), declared("c")],
        {"a": "read", "b": "gone", "c": "read"},
        rules,
        {},
        [prop("read", read_only=True)],
    )
    assert [bool(row.problems) for row in rows] == [True, True, False]


def test_what_the_form_does_not_show_stays() -> None:
    """Several steps are kept as they are; a row without a property is not mapped."""
    steps = [Transform("trim"), Transform("lower")]
    (row,) = rows_of([declared("email")], {"email": "email"}, {}, {"email": steps}, [prop("email")])
    assert row.transform == "keep"
    kept = settings_from(sent(name="email", property="email", transform="keep"), {"email": steps})
    assert kept["fieldTransforms"] == {"email": steps}
    assert settings_from(sent(name="email"), {"email": steps}) == {
        "fieldMapping": {},
        "fieldRules": {},
        "fieldTransforms": {},
    }


@pytest.mark.parametrize("options", [{"A=B": "new"}, {"A\nB": "new"}, {" A": "new"}, {"A": "new "}, {"A": "b\u2028c"}])
def test_options_that_the_form_cannot_write_stay(options: dict[str, str]) -> None:
    """A form that is sent back unchanged changes no option, whatever is in it."""
    steps = [Transform("options", options=options)]
    (row,) = rows_of([declared("status")], {"status": "status"}, {}, {"status": steps}, [prop("status")])
    back = sent(name="status", property="status", transform=row.transform, options=row.options)
    assert settings_from(back, {"status": steps})["fieldTransforms"] == {"status": steps}


words = st.text(st.characters(whitelist_categories=["L", "N"]), min_size=1, max_size=8)


@given(st.dictionaries(words, words, min_size=1, max_size=5))
def test_options_come_back_as_they_were(options: dict[str, str]) -> None:
    """What the form shows of a step, it reads back."""
    step = Transform("options", options=options)
    (row,) = rows_of([declared("status")], {"status": "s"}, {}, {"status": [step]}, [prop("s")])
    again = settings_from(sent(name="status", property="s", transform=row.transform, options=row.options), {})
    assert again["fieldTransforms"] == {"status": [{"kind": "options", "options": options}]}


@pytest.mark.parametrize(
    "form",
    [
        sent(name="status", property="s", transform="options", options="no pair"),
        sent(name="status", property="s", transform="options"),
        {"name": ["a", "b"], "property": ["x"]},
        {"name": ["a"] * 301},
    ],
)
def test_a_form_that_is_not_whole_is_refused(form: dict[str, Any]) -> None:
    """It says what is wrong, and nothing is changed."""
    with pytest.raises(Problem) as caught:
        settings_from(form, {})
    assert caught.value.status == 400
