"""What every request has to hold."""

from lead_store.domain.errors import Invalid
from lead_store.usecases.run_pace import MOST_LEASES

LONGEST_ID = 128


def required(name: str, value: str) -> str:
    """An id that has to be there."""
    if not value:
        raise Invalid(name, "is required")
    return bounded(name, value)


def bounded(name: str, value: str, longest: int = LONGEST_ID) -> str:
    """A short text that may be empty."""
    if len(value) > longest:
        raise Invalid(name, f"longer than {longest} characters")
    return value


def one_line(name: str, value: str) -> str:
    """A text without line breaks."""
    if "\n" in value:
        raise Invalid(name, "has a line break")
    return value


def at_most(name: str, count: int) -> None:
    """A batch of work items: 1 to 100."""
    if not 1 <= count <= MOST_LEASES:
        raise Invalid(name, f"send 1 to {MOST_LEASES} in one call")
