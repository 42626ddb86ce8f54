"""The sections of the console, in the order of its navigation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A place in the navigation. `key` is what to press after `g`."""

    path: str
    name: str
    icon: str
    key: str


SECTIONS = (
    Section("/ui", "Overview", "overview", "o"),
    Section("/ui/events", "Events", "events", "e"),
    Section("/ui/work", "Work", "work", "w"),
    Section("/ui/leads", "Leads", "leads", "l"),
    Section("/ui/conflicts", "Conflicts", "conflicts", "c"),
    Section("/ui/matches", "Matches", "matches", "m"),
    Section("/ui/runs", "Runs", "runs", "r"),
    Section("/ui/integrations", "Integrations", "integrations", "i"),
)
