"""The webhooks API of legacy public apps: settings and subscriptions."""

from hubspot_simulator.core.batches import inputs_of
from hubspot_simulator.core.clock import iso
from hubspot_simulator.core.errors import ApiError, validation
from hubspot_simulator.core.subscriptions import MAX_SUBSCRIPTIONS
from hubspot_simulator.http.replies import Call, Reply


def get_settings(call: Call) -> Reply:
    """GET the target URL and the concurrency."""
    return Reply(200, call.called_app.settings())


def put_settings(call: Call) -> Reply:
    """PUT both; both are required (public spec)."""
    if "targetUrl" not in call.body or "throttling" not in call.body:
        raise validation("Some required fields were not set: [targetUrl, throttling]")
    call.called_app.configure(call.body, call.simulator.clock)
    return Reply(200, call.called_app.settings())


def delete_settings(call: Call) -> Reply:
    """DELETE: no more deliveries; subscriptions are kept but paused."""
    call.called_app.clear_settings()
    return Reply(204)


def list_subscriptions(call: Call) -> Reply:
    """GET all."""
    return Reply(200, {"results": [one.to_json() for one in call.called_app.subscriptions]})


def create_subscription(call: Call) -> Reply:
    """POST one: 201, and paused unless asked otherwise."""
    return Reply(201, call.called_app.subscriptions.create(call.body).to_json())


def get_subscription(call: Call) -> Reply:
    """GET one."""
    return Reply(200, call.called_app.subscriptions.get(call.path("subscriptionId")).to_json())


def update_subscription(call: Call) -> Reply:
    """PATCH one: only `active`."""
    found = call.called_app.subscriptions.set_active(call.path("subscriptionId"), call.body.get("active"))
    return Reply(200, found.to_json())


def delete_subscription(call: Call) -> Reply:
    """DELETE one."""
    call.called_app.subscriptions.delete(call.path("subscriptionId"))
    return Reply(204)


def update_subscriptions(call: Call) -> Reply:
    """POST batch/update of `active`; a 207 names unknown ids (public spec)."""
    book = call.called_app.subscriptions
    started = iso(call.simulator.clock.now_ms())
    results, errors = [], []
    for item in inputs_of(call.body, MAX_SUBSCRIPTIONS):
        subscription_id = str(item.get("id", ""))
        try:
            results.append(book.set_active(subscription_id, item.get("active")).to_json())
        except ApiError as error:
            if error.status != 404:
                raise
            message = f"Failed to find subscriptions by id `{subscription_id}`."
            errors.append(ApiError(404, "SUBSCRIPTION_ID_NOT_FOUND", message).entry())
    body: dict[str, object] = {"status": "COMPLETE", "results": results, "startedAt": started}
    body["completedAt"] = iso(call.simulator.clock.now_ms())
    if errors:
        return Reply(207, body | {"numErrors": len(errors), "errors": errors})
    return Reply(200, body)
