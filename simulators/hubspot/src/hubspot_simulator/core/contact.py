"""One contact: present values, their history, and its own times."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hubspot_simulator.core.authors import Author
from hubspot_simulator.core.clock import iso

HISTORY_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Version:
    """One past or present value of one property."""

    value: str
    at_ms: int
    author: Author

    def to_json(self) -> dict[str, object]:
        """The version as `propertiesWithHistory` shows it."""
        shown: dict[str, object] = {
            "value": self.value,
            "timestamp": iso(self.at_ms),
            "sourceType": self.author.source_type,
        }
        if self.author.source_id is not None:
            shown["sourceId"] = self.author.source_id
        if self.author.source_label is not None:
            shown["sourceLabel"] = self.author.source_label
        if self.author.user_id is not None:
            shown["updatedByUserId"] = self.author.user_id
        return shown


@dataclass(slots=True)
class Contact:
    """A record. `values` holds "" for a property that was cleared, nothing for one that was never set."""

    id: int
    created_ms: int
    modified_ms: int
    values: dict[str, str] = field(default_factory=dict)
    versions: dict[str, list[Version]] = field(default_factory=dict)
    archived_ms: int | None = None
    merged_ids: list[int] = field(default_factory=list)
    past: list[tuple[int, "Contact"]] = field(default_factory=list)

    @property
    def archived(self) -> bool:
        """Whether it is archived."""
        return self.archived_ms is not None

    def value(self, name: str) -> str | None:
        """The present value; None if it is unset or cleared."""
        return self.values.get(name) or None

    def emails(self) -> list[str]:
        """Every e-mail that identifies it: the primary one and the additional ones (contacts guide)."""
        extra = self.values.get("hs_additional_emails", "").split(";")
        return [email for email in (self.values.get("email", ""), *extra) if email]

    def changed(self, properties: Mapping[str, str]) -> dict[str, str]:
        """Those of the given values that differ from the present ones."""
        return {name: value for name, value in properties.items() if self.values.get(name, "") != value}

    def write(self, properties: Mapping[str, str], author: Author, at_ms: int) -> None:
        """Store values and a version for each."""
        for name, value in properties.items():
            self.values[name] = value
            versions = self.versions.setdefault(name, [])
            versions.append(Version(value, at_ms, author))
            del versions[:-HISTORY_LIMIT]

    def remember(self, until_ms: int) -> None:
        """Keep the present state, which lagging reads still show after the next write."""
        values, versions = dict(self.values), {name: list(found) for name, found in self.versions.items()}
        merged = list(self.merged_ids)
        state = Contact(self.id, self.created_ms, self.modified_ms, values, versions, None, merged)
        self.past.append((until_ms, state))
        del self.past[:-HISTORY_LIMIT]

    def as_of(self, at_ms: int) -> "Contact":
        """Return the state at a past moment, as far as it was kept."""
        return next((state for until_ms, state in self.past if until_ms > at_ms), self)

    def touch(self, at_ms: int) -> int:
        """Move `lastmodifieddate` forward, and return the new time."""
        self.modified_ms = max(at_ms, self.modified_ms + 1)
        self.values["lastmodifieddate"] = iso(self.modified_ms)
        return self.modified_ms

    def history(self, name: str) -> list[dict[str, object]]:
        """The newest 50 versions of a property, newest first."""
        if name == "lastmodifieddate":
            return []
        return [version.to_json() for version in reversed(self.versions.get(name, []))]
