"""Changes of a contact: the source of events, of the search index and of the write counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.contact import Contact

Kind = Literal["creation", "update", "deletion", "restore", "merge", "privacyDeletion"]


@dataclass(frozen=True, slots=True)
class MergeFacts:
    """The ids in a merge event."""

    primary_id: int
    merged_ids: tuple[int, ...]
    new_id: int
    properties_moved: int


@dataclass(frozen=True, slots=True)
class Change:
    """One write, effective or (with nothing in `properties`, for an update) not."""

    kind: Kind
    contact: Contact
    at_ms: int
    author: Author
    properties: Mapping[str, str] = field(default_factory=dict)
    unchanged: Mapping[str, str] = field(default_factory=dict)
    merge: MergeFacts | None = None

    @property
    def effective(self) -> bool:
        """Whether it changed anything."""
        return self.kind != "update" or bool(self.properties)
