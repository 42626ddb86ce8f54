"""What the platform may give as a lead's values."""

import pytest
from lead_store.domain.addresses import is_address
from lead_store.domain.errors import Invalid
from lead_store.domain.fields import MAX_LEAD_LENGTH, MAX_VALUE_LENGTH
from lead_store.domain.given_values import check_named, check_size, taken_values
from lead_store.domain.lead_fields import TenantFields, declare
from lead_store.domain.values import FieldType

AGE = "custom_fields.age"
FIELDS = TenantFields({AGE: declare(AGE, "Age", FieldType.NUMBER)})


@pytest.mark.parametrize(
    "text",
    [
        *("ta..ro@docomo.ne.jp", "x.@docomo.ne.jp", "a@b_c.example", "a@b.test", "a@b.invalid", "ﬃ@straße.example"),
        *("a@b@c.example", '"a"@b.example'),
    ],
)
def test_what_looks_like_an_address_is_one(text: str) -> None:
    """Only the form counts, for the CRM has the last word."""
    assert is_address(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a@", "@b.example", "a@b", "a@.example", "a@b.", "a@b..example", "a b@c.example", "a@b.ex\nample"]
)
def test_what_has_no_local_part_or_no_domain_is_no_address(text: str) -> None:
    """An address has an @ with something on both sides, a dot in its domain, and no spaces."""
    assert not is_address(text)


def test_what_is_unchanged_is_never_refused() -> None:
    """The lead's own values are left out of the change, whatever they are; its new ones are checked."""
    before = {"email": " no address ", AGE: "old", "first_name": "x" * (MAX_VALUE_LENGTH + 1)}
    assert taken_values(before, before, FIELDS) == {}
    assert taken_values({**before, "phone": "1", "email": " a@b.test "}, before, FIELDS) == {
        "phone": "1",
        "email": "a@b.test",
    }
    for name, value in {"email": "none", AGE: "new", "first_name": "y" * (MAX_VALUE_LENGTH + 1), "x": ""}.items():
        with pytest.raises(Invalid) as refused:
            taken_values({name: value}, before, FIELDS)
        assert refused.value.field == name


def test_a_lead_may_not_grow_past_its_limits() -> None:
    """A lead that is too large already may change and shrink, but not grow."""
    large = {f"custom_fields.f{n}": "x" * (MAX_LEAD_LENGTH // 200) for n in range(201)}
    check_size(large, large)
    check_size({**large, "custom_fields.f0": "", "phone": "1"}, large)
    for more in ({"phone": "1"}, {"custom_fields.f201": ""}):
        with pytest.raises(Invalid):
            check_size({**large, **more, "custom_fields.f202": "x"}, large)
        with pytest.raises(Invalid):
            check_size({**large, "custom_fields.f0": "", "phone": "x" * MAX_VALUE_LENGTH}, large)


def test_a_lead_needs_a_name_unless_it_has_none_already() -> None:
    """A new lead is named, and an edit does not take the last name away."""
    check_named({"phone": "2"}, {"phone": "1"})
    check_named({"last_name": "Taro"})
    for before in (None, {"last_name": "Taro"}):
        with pytest.raises(Invalid) as refused:
            check_named({"phone": "1"}, before)
        assert refused.value.reason == "no_name"
