"""Which properties calls leave out."""

from crm_connector.providers.hubspot.hidden import HiddenProperties


def test_a_hidden_property_is_asked_for_again_after_an_hour() -> None:
    """Its scope may have been granted meanwhile."""
    clock = [100.0]
    hidden = HiddenProperties(lambda: clock[0])

    assert not hidden.look(["email"], ["email", "phone"])
    assert hidden.look(["email", "passport"], ["email"])
    assert not hidden.look(["email", "passport"], ["email"])
    assert hidden.names == {"passport"}
    clock[0] += 3_601.0
    assert hidden.names == frozenset()
