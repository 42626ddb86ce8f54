"""The settings of the simulator: lags, losses, disorder, limits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from hubspot_simulator.core.errors import validation


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Every setting of the control API, with its default."""

    search_lag_seconds: float = 0.5
    """How late the search index sees a change."""
    search_shows_present: bool = False
    """Search sorts contacts as the index has them, but shows them as they are now (estuary/connectors#2210)."""
    read_lag_seconds: float = 0.0
    """How late other reads show an update. HubSpot documents no such lag, but a client should tolerate it."""
    delivery_delay_seconds: float = 0.05
    """How long events are collected before a delivery leaves."""
    delivery_timeout_seconds: float = 5.0
    """The deadline for the receiver's answer (webhooks guide: 5 s)."""
    retry_scale: float = 1 / 60
    """Factor on the retry schedule; 1 is HubSpot's scale (first retry after a minute)."""
    max_retries: int = 10
    """Tries after the first one (webhooks guide: up to 10)."""
    event_format: str = "subscription"
    """"subscription" follows the subscription's event type, "classic" and "generic" force one format."""
    batch_size: int = 100
    """Most events in one delivery."""
    duplicate_probability: float = 0.0
    """Chance that an event is delivered a second time."""
    drop_probability: float = 0.0
    """Chance that an event is never delivered."""
    disorder_seconds: float = 0.0
    """Events are late by up to this time, and shuffled."""
    same_event_ids: bool = False
    """Give every event the same eventId."""
    extra_fields: bool = False
    """Put an unknown field into every event."""
    omit_source_id: bool = False
    """Leave sourceId out, as in old events."""
    mix_portals: bool = False
    """Let one delivery hold events of several accounts."""
    emit_unchanged: bool = False
    """Emit propertyChange also for a written value that is the same."""
    merge_new_id: bool = True
    """Merging makes a new record (since January 2025)."""
    merge_extra_events: bool = False
    """Merging also emits a creation and deletions."""
    background_bump_seconds: float = 0.0
    """Time after a creation at which lastmodifieddate moves by itself; 0 = never (recorded: about 20 s)."""
    rate_limit_per_10_seconds: int = 190
    """Calls per token in any ten seconds; 0 = no limit."""
    search_limit_per_second: int = 5
    """Searches per account and second; 0 = no limit."""
    daily_limit: int = 625_000
    """Calls per account and day; 0 = no limit."""

    def changed(self, values: Mapping[str, Any]) -> "Behaviour":
        """The same settings with some replaced; 400 for an unknown name or another type."""
        kinds = {one.name: type(getattr(self, one.name)) for one in fields(self)}
        new: dict[str, Any] = {}
        for name, value in values.items():
            if name not in kinds:
                raise validation(f"There is no setting '{name}'. Settings: {', '.join(kinds)}")
            whole = isinstance(value, int) and not isinstance(value, bool)
            new[name] = float(value) if kinds[name] is float and whole else value
            if type(new[name]) is not kinds[name]:
                raise validation(f"The setting '{name}' takes a {kinds[name].__name__}")
        return replace(self, **new)

    def to_json(self) -> dict[str, Any]:
        """All settings."""
        return asdict(self)
