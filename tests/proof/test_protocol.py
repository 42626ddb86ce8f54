"""Every interleaving of a small world around the real decisions: no law breaks, and each safeguard has its reason."""

import pytest
from lead_store.domain.rules import MergeRule
from proof.protocol_model import Budget, Model, Without

SCOPES: dict[str, tuple[dict[str, object], Budget]] = {
    "an edit on each side, a crash, a stale reading": ({}, Budget(platform=1, crm=1, crash=1, stale=1)),
    "an edit on each side, two crashes": ({}, Budget(platform=1, crm=1, crash=2)),
    "an edit on each side, a lost event, a stale reading": ({}, Budget(platform=1, crm=1, stale=1, lose=1)),
    "two edits here, one there, a crash": ({}, Budget(platform=2, crm=1, crash=1)),
    "one edit here, two there, a crash": ({}, Budget(platform=1, crm=2, crash=1)),
    "a create, edits, a crash": ({"linked": False}, Budget(platform=1, crm=1, crash=1)),
    "a create, a crash, a stale reading": ({"linked": False}, Budget(platform=1, crash=1, stale=1)),
    "a create, two crashes": ({"linked": False}, Budget(platform=1, crash=2)),
    "a create, an edit there, a crash, a stale reading, a lost event": (
        {"linked": False},
        Budget(crm=1, crash=1, stale=1, lose=1),
    ),
    "two fields, edits, a lost event": ({"fields": 2}, Budget(platform=1, crm=2, lose=1)),
    "the CRM wins": ({"rule": MergeRule.CRM}, Budget(platform=2, crm=1, crash=1)),
    "the platform wins": ({"rule": MergeRule.PLATFORM}, Budget(platform=2, crm=1, crash=1)),
}


def model(options: dict[str, object], without: Without | None = None) -> Model:
    """A model of a scope."""
    return Model(without=without or Without(), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("scope", SCOPES)
def test_no_interleaving_breaks_a_law(scope: str) -> None:
    """With all safeguards, L1 to L4 and L6 hold in every state that can be reached."""
    options, budget = SCOPES[scope]
    states, law, history = model(options).search(budget)
    print(f"{scope}: {states} states")
    assert law == "", "\n".join(history)
    assert states > 100


@pytest.mark.parametrize(
    ("names", "scope"),
    [
        (["base"], "the CRM wins"),
        (["pending"], "an edit on each side, a crash, a stale reading"),
        (["fence"], "two edits here, one there, a crash"),
        (["revision"], "two edits here, one there, a crash"),
        (["sweep"], "an edit on each side, a lost event, a stale reading"),
        (["seen"], "an edit on each side, a crash, a stale reading"),
        (["lag"], "two edits here, one there, a crash"),
        (["read_first"], "a create, two crashes"),
        (["read_first", "upsert"], "a create, two crashes"),
    ],
    ids=lambda value: value if isinstance(value, str) else " and ".join(value),
)
def test_without_a_safeguard_a_law_breaks(names: list[str], scope: str) -> None:
    """Each safeguard has a shortest history in which its absence does harm; the search finds it."""
    options, budget = SCOPES[scope]
    _, law, history = model(options, Without(**dict.fromkeys(names, True))).search(budget)
    print(f"without {' and '.join(names)}: {law}\n  " + "\n  ".join(history))
    assert law.startswith("L")
