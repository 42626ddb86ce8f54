"""Every interleaving of small worlds around the real decisions: no law breaks, and each safeguard has its reason."""

from dataclasses import fields

import pytest
from proof import limits
from proof.protocol.scopes import DEEP, LARGE, QUICK, REMOVALS, SMALL
from proof.protocol.search import search
from proof.protocol.world import Budget, Without

# With little time, those come first that the tests leave out.
SCOPES = LARGE | DEEP if limits.SECONDS else LARGE | QUICK | DEEP if limits.PROVE else LARGE | QUICK
SCOPES = SCOPES if limits.FULL else SMALL | QUICK


@pytest.mark.timeout(limits.TIMEOUT)
@pytest.mark.parametrize("scope", SCOPES)
def test_no_interleaving_breaks_a_law(scope: str) -> None:
    """L1 to L4 and L6 hold in every state that can be reached; L5: faults lead to the very ends that edits alone do."""
    if not limits.time_is_left():
        pytest.skip("no time is left")
    setup, budget = SCOPES[scope]
    found = search(setup, budget, limits.UNTIL)
    print(f"{scope}: {found.states} states, {len(found.ends)} ends{'' if found.complete else '; NOT FINISHED'}")
    assert found.law == "", "\n".join(found.history)
    smooth = Budget(edits=budget.edits, choose=budget.choose)
    if smooth != budget and found.complete:
        assert found.ends == search(setup, smooth).ends


@pytest.mark.parametrize("safeguard", REMOVALS)
def test_without_a_safeguard_a_law_breaks(safeguard: str) -> None:
    """Each safeguard has a shortest history in which its absence does harm; the search finds it."""
    found = search(*REMOVALS[safeguard])
    print(f"without {safeguard}: {found.states} states, {found.law}\n  " + "\n  ".join(found.history))
    assert found.law.startswith("L")


def test_no_safeguard_goes_without_its_removal() -> None:
    """A safeguard that could go without harm would be none."""
    removed = [setup.without for setup, _ in REMOVALS.values()]
    assert all(any(getattr(without, one.name) for without in removed) for one in fields(Without))
