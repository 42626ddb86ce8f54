"""Contacts: the batch calls."""

from hubspot_simulator.core import batches
from hubspot_simulator.http import sensitive
from hubspot_simulator.http.replies import Call, Reply


def read_batch(call: Call) -> Reply:
    """POST batch/read."""
    body = call.body
    sensitive.check_read(call, body.get("properties") or (), body.get("propertiesWithHistory") or ())
    outcome = batches.read(call.portal.contacts, body, call.flag("archived"))
    return Reply(outcome.status, outcome.body())


def create_batch(call: Call) -> Reply:
    """POST batch/create."""
    sensitive.check_inputs(call)
    outcome = batches.create(call.portal.contacts, call.body, call.author)
    return Reply(outcome.status, outcome.body())


def update_batch(call: Call) -> Reply:
    """POST batch/update."""
    sensitive.check_inputs(call)
    outcome = batches.update(call.portal.contacts, call.body, call.author)
    return Reply(outcome.status, outcome.body())


def upsert_batch(call: Call) -> Reply:
    """POST batch/upsert."""
    sensitive.check_inputs(call)
    outcome = batches.upsert(call.portal.contacts, call.body, call.author)
    return Reply(outcome.status, outcome.body())


def archive_batch(call: Call) -> Reply:
    """POST batch/archive."""
    batches.archive(call.portal.contacts, call.body, call.author)
    return Reply(204)
