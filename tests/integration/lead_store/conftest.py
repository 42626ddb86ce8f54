"""A lead-store on a real database, called through real gRPC."""

from collections.abc import Iterator

import pytest
from lead_store_calls import LeadStore, running
from mongo_proxy import MongoProxy, proxied


@pytest.fixture
def lead_store(mongo_url: str) -> Iterator[LeadStore]:
    """A running lead-store with a database of its own."""
    with running(mongo_url) as store:
        yield store


@pytest.fixture
def proxy(mongo_url: str) -> Iterator[MongoProxy]:
    """A hop to the database."""
    with proxied(mongo_url) as proxy:
        yield proxy
