"""A lead-store on a real database, called through real gRPC."""

from collections.abc import Iterator

import pytest
from lead_store_calls import LeadStore, running


@pytest.fixture
def lead_store(mongo_url: str) -> Iterator[LeadStore]:
    """A running lead-store with a database of its own."""
    with running(mongo_url) as store:
        yield store
