"""Contacts: the batch calls."""

from hubspot_simulator.core import batches
from hubspot_simulator.http.replies import Call, Reply


def read_batch(call: Call) -> Reply:
    """POST batch/read."""
    outcome = batches.read(call.portal.contacts, call.body, call.flag("archived"))
    return Reply(outcome.status, outcome.body())


def create_batch(call: Call) -> Reply:
    """POST batch/create."""
    outcome = batches.create(call.portal.contacts, call.body, call.author)
    return Reply(outcome.status, outcome.body())


def update_batch(call: Call) -> Reply:
    """POST batch/update."""
    outcome = batches.update(call.portal.contacts, call.body, call.author)
    return Reply(outcome.status, outcome.body())


def upsert_batch(call: Call) -> Reply:
    """POST batch/upsert."""
    outcome = batches.upsert(call.portal.contacts, call.body, call.author)
    return Reply(outcome.status, outcome.body())


def archive_batch(call: Call) -> Reply:
    """POST batch/archive."""
    batches.archive(call.portal.contacts, call.body, call.author)
    return Reply(204)
