"""What integration tests share: a database server."""

from collections.abc import Iterator

import pytest
from embedded_mongo import mongo_server


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    """URL of a running MongoDB."""
    with mongo_server() as url:
        yield url
