"""A record that waits for a person to say which lead it belongs to."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lead_store.domain.rules import MatchKey

CREATE_NEW = "new"  # the choice that makes a lead; any other choice is a lead's id
MOST_CANDIDATES = 20


class Candidate(NamedTuple):
    """A lead that a record may belong to, and the keys that both have; none if the record's mark names the lead."""

    lead_id: str
    keys: tuple[MatchKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A record and the leads that it may belong to. `taken` are those that are linked to another record by now."""

    integration_id: str
    record_id: str
    candidates: tuple[Candidate, ...]
    taken: frozenset[str]
    since: datetime | None

    @property
    def etag(self) -> str:
        """Changes whenever the person would see something else."""
        parts = [f"{one.lead_id}:{','.join(one.keys)}:{one.lead_id in self.taken}" for one in self.candidates]
        return hashlib.sha256("|".join([self.integration_id, self.record_id, *parts]).encode()).hexdigest()[:16]
