"""What every request has to hold."""

from lead_store.domain.errors import Invalid

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
