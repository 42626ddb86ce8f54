"""Fields that wait for a person, and what a person's choice does to the pair (R11)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from lead_store.domain.lead import Lead
from lead_store.domain.link import Link
from lead_store.domain.merge import Base


@dataclass(frozen=True, slots=True)
class OpenConflict:
    """One field of a lead that waits for a person, with what that person needs to know."""

    lead_id: str
    integration_id: str
    record_id: str
    field: str
    ours: str
    theirs: str
    base: str | None
    ours_at: datetime | None
    ours_source: str
    theirs_at: datetime | None
    theirs_source: str
    overwritten: bool  # both sides hold `ours` now, and `theirs` was replaced unseen (R3)

    @property
    def etag(self) -> str:
        """Changes whenever what the person saw changes."""
        seen = (self.record_id, self.ours, self.theirs, str(self.theirs_at), str(self.overwritten))
        return hashlib.sha256("\0".join(seen).encode()).hexdigest()[:16]


def open_conflicts(lead: Lead, integration_id: str = "", field: str = "") -> Iterator[OpenConflict]:
    """A lead's open conflicts; empty filters match all."""
    for link in lead.links:
        if integration_id in {"", link.integration_id}:
            yield from (conflict for conflict in _of_link(lead, link) if field in {"", conflict.field})


def resolve(lead: Lead, conflict: OpenConflict, value: str, at: datetime, source: str) -> Lead:
    """The lead after a choice. Nothing is written to the CRM here: the next merge does that.

    The base becomes the CRM's value that the person saw, so for that merge only the platform's side has changed. An
    overwritten value has no base to move: taking it is an ordinary edit.
    """
    link = lead.link(conflict.integration_id)
    if link is None:
        return lead
    if conflict.overwritten:
        link = replace(link, overwritten={n: lost for n, lost in link.overwritten.items() if n != conflict.field})
    else:
        waits = link.conflicts[conflict.field]
        link = replace(
            link,
            base={**link.base, conflict.field: Base(waits.theirs, waits.crm)},
            conflicts={name: other for name, other in link.conflicts.items() if name != conflict.field},
        )
    return lead.with_values({conflict.field: value}, at, source).with_link(link)


def _of_link(lead: Lead, link: Link) -> Iterator[OpenConflict]:
    for name, waits in sorted(link.conflicts.items()):
        change = lead.changed.get(name)
        yield OpenConflict(
            lead.lead_id,
            link.integration_id,
            link.record_id,
            name,
            lead.values.get(name, ""),
            waits.theirs,
            waits.base,
            change.at if change else None,
            change.source if change else "",
            waits.theirs_at,
            waits.theirs_source,
            overwritten=False,
        )
    for name, lost in sorted(link.overwritten.items()):
        change = lead.changed.get(name)
        yield OpenConflict(
            lead.lead_id,
            link.integration_id,
            link.record_id,
            name,
            lead.values.get(name, ""),
            lost.value,
            None,
            change.at if change else None,
            change.source if change else "",
            lost.changed_at,
            lost.source,
            overwritten=True,
        )
