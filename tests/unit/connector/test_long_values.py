"""Whatever a CRM holds, reading and writing it takes no longer than a few plain loops over the text."""

import pytest
from crm_connector.domain.transforms import Transform, TransformKind, to_crm, to_platform
from crm_connector.domain.values import ValueType, canonical
from crm_connector.providers.hubspot.spelling import HubSpotSpelling
from hostile import hostile_texts, is_slow

STEPS = (
    *(Transform(kind) for kind in TransformKind if kind is not TransformKind.OPTIONS),
    Transform(TransformKind.PHONE_E164, region="CH"),
    Transform(TransformKind.OPTIONS, options=(("a", "b"),)),
)


def _spell(kind: ValueType, text: str) -> None:
    canonical(kind, text)
    HubSpotSpelling().read(kind, text)
    HubSpotSpelling().write(kind, text)


@pytest.mark.parametrize("kind", ValueType)
def test_no_text_makes_spelling_slow(kind: ValueType) -> None:
    """64 KiB of anything are read and written as a value of any type."""
    slow = next((text for text in hostile_texts(("",)) if is_slow(lambda: _spell(kind, text))), "")  # noqa: B023 - called at once
    assert slow[:40] == ""


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind.value)
def test_no_text_makes_a_transform_slow(step: Transform) -> None:
    """64 KiB of anything pass each step in both directions."""
    steps = (step,)
    slow = next(
        (text for text in hostile_texts(("",)) if is_slow(lambda: to_crm(steps, to_platform(steps, text)))),  # noqa: B023 - called at once
        "",
    )
    assert slow[:40] == ""
