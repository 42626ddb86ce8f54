"""Whatever a person enters, finding out who it may be takes no longer than a few plain loops over the text."""

from collections.abc import Callable

import pytest
from hostile import hostile_texts, is_slow
from lead_store.domain.addresses import address_spellings, is_address, kept_keys
from lead_store.domain.keys import keys_of
from lead_store.domain.references import identities, lookup_references
from lead_store.domain.role_mailboxes import is_role_mailbox
from lead_store.domain.rules import Direction, MatchKey, Target

ADA = {"first_name": "Ada", "last_name": "Lovelace"}
TARGET = Target("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL, match_keys=tuple(MatchKey), phone_region="CH")
PLACES: dict[str, Callable[[str], dict[str, str]]] = {
    "first name": lambda text: {"first_name": text, "last_name": "b", "website": "example.com"},
    "phone": lambda text: {"phone": f"+{text}"},
    "site": lambda text: ADA | {"website": text},
    "host": lambda text: ADA | {"website": f"http://{text}.com/"},
    "domain of an e-mail": lambda text: ADA | {"email": f"a@{text}.com"},
    "local part of an e-mail": lambda text: ADA | {"email": f"{text}@example.com"},
}


def _all_keys(values: dict[str, str]) -> None:
    keys_of(values, "CH", [values.get("email", "")])
    identities(values, tuple(MatchKey))
    lookup_references(values, TARGET)
    email = values.get("email", "")
    is_address(email)
    kept_keys([email])
    address_spellings(email)
    is_role_mailbox(email)


@pytest.mark.parametrize("place", PLACES)
def test_no_text_makes_the_keys_of_a_person_slow(place: str) -> None:
    """Domains of 64 KiB took minutes, and names with marks seconds: they are measured before they are read."""
    slow = next((text for text in hostile_texts(("",)) if is_slow(lambda: _all_keys(PLACES[place](text)))), "")  # noqa: B023 - called at once
    assert slow[:40] == ""
