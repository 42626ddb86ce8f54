"""The CRMs that this connector knows. Besides their folders, this is the only place that names them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from crm_connector.crm import CrmProvider, ProviderContext
from crm_connector.environment import Reader
from crm_connector.providers.hubspot.provider import HubSpot
from crm_connector.providers.hubspot.settings import HubSpotSettings

_S = TypeVar("_S")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[_S]):
    """How a provider reads its settings, and how it is made of them."""

    read: Callable[[Reader], _S]
    make: Callable[[_S, ProviderContext], CrmProvider]


_PROVIDERS: Mapping[str, _Entry[Any]] = {
    "hubspot": _Entry(HubSpotSettings.read, HubSpot),
}


def read_settings(reader: Reader) -> dict[str, Any]:
    """Read the settings of every provider: its name → an object that only the provider itself understands."""
    return {name: entry.read(reader) for name, entry in _PROVIDERS.items()}


def make_providers(settings: Mapping[str, Any], context: ProviderContext) -> dict[str, CrmProvider]:
    """Make every provider of its settings."""
    return {name: _PROVIDERS[name].make(chosen, context) for name, chosen in settings.items()}
