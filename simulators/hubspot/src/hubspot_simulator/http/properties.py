"""The properties API of contacts."""

from hubspot_simulator.core.batches import inputs_of
from hubspot_simulator.core.clock import iso
from hubspot_simulator.core.definitions import NOT_SENSITIVE
from hubspot_simulator.core.errors import ApiError
from hubspot_simulator.http.replies import Call, Reply


def list_properties(call: Call) -> Reply:
    """GET every definition; those of sensitive data only if they are asked for (airbytehq/airbyte#74069)."""
    found = call.portal.catalog.all(call.flag("archived"), call.text("dataSensitivity") or NOT_SENSITIVE)
    return Reply(200, {"results": [one.to_json() for one in found]})


def get_property(call: Call) -> Reply:
    """GET one definition."""
    return Reply(200, call.portal.catalog.get(call.path("propertyName"), call.flag("archived")).to_json())


def create_property(call: Call) -> Reply:
    """POST a definition: 201 with the whole of it."""
    return Reply(201, call.portal.catalog.create(call.body, call.author.source_id).to_json())


def update_property(call: Call) -> Reply:
    """PATCH a definition, for instance its options."""
    return Reply(200, call.portal.catalog.update(call.path("propertyName"), call.body).to_json())


def archive_property(call: Call) -> Reply:
    """DELETE a definition."""
    call.portal.catalog.archive(call.path("propertyName"))
    return Reply(204)


def read_properties(call: Call) -> Reply:
    """POST batch/read."""
    return _batch(call, "read")


def create_properties(call: Call) -> Reply:
    """POST batch/create: multi-status without trace ids (recorded)."""
    return _batch(call, "create")


def archive_properties(call: Call) -> Reply:
    """POST batch/archive."""
    for item in inputs_of(call.body):
        call.portal.catalog.archive(str(item.get("name", "")))
    return Reply(204)


def list_groups(call: Call) -> Reply:
    """GET every group."""
    return Reply(200, {"results": call.portal.catalog.groups()})


def get_group(call: Call) -> Reply:
    """GET one group."""
    return Reply(200, call.portal.catalog.group(call.path("groupName")))


def create_group(call: Call) -> Reply:
    """POST a group."""
    return Reply(201, call.portal.catalog.create_group(call.body))


def update_group(call: Call) -> Reply:
    """PATCH a group."""
    return Reply(200, call.portal.catalog.update_group(call.path("groupName"), call.body))


def archive_group(call: Call) -> Reply:
    """DELETE a group."""
    call.portal.catalog.archive_group(call.path("groupName"))
    return Reply(204)


def _batch(call: Call, action: str) -> Reply:
    catalog = call.portal.catalog
    started = iso(call.simulator.clock.now_ms())
    results, errors = [], []
    for item in inputs_of(call.body):
        try:
            if action == "read":
                results.append(catalog.get(str(item.get("name", ""))).to_json())
            else:
                results.append(catalog.create(item, call.author.source_id).to_json())
        except ApiError as error:
            errors.append(error.entry())
    body: dict[str, object] = {"status": "COMPLETE", "results": results, "startedAt": started}
    body["completedAt"] = iso(call.simulator.clock.now_ms())
    if errors:
        return Reply(207, body | {"numErrors": len(errors), "errors": errors})
    return Reply(201 if action == "create" else 200, body)
