"""Properties with sensitive data: a call that names one needs a scope of its own.

That holds for searches (airbytehq/airbyte#74032); that it holds for all other calls too is a guess.
"""

from collections.abc import Iterable
from typing import Any

from hubspot_simulator.core.definitions import NOT_SENSITIVE
from hubspot_simulator.core.errors import missing_scopes, unauthenticated
from hubspot_simulator.http.replies import Call


def check_read(call: Call, *names: Iterable[object]) -> None:
    """Refuse a read of properties that the token's scopes do not cover."""
    _check(call, "read", (str(name) for some in names for name in some))


def check_written(call: Call, *given: Any) -> None:
    """Refuse a write of properties that the token's scopes do not cover; `given` are objects of properties."""
    _check(call, "write", (str(name) for values in given if isinstance(values, dict) for name in values))


def check_inputs(call: Call) -> None:
    """Refuse a batch write of properties that the token's scopes do not cover, as a whole."""
    inputs = call.body.get("inputs")
    items = inputs if isinstance(inputs, list) else []
    check_written(call, *(item.get("properties") for item in items if isinstance(item, dict)))


def _check(call: Call, verb: str, names: Iterable[str]) -> None:
    if call.token is None:
        raise unauthenticated()
    found = [call.portal.catalog.find(name.lower()) for name in names]
    kinds = {one.sensitivity for one in found if one is not None} - {NOT_SENSITIVE}
    needed = sorted({f"crm.objects.contacts.{kind}.{verb}.v2" for kind in kinds} - {*call.token.scopes})
    if needed:
        raise missing_scopes(needed)
