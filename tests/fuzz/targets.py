"""All targets by name."""

from fuzz import api, connection, hubspot, lead_values, webhooks

TARGETS = {
    target.name: target for module in (webhooks, api, connection, lead_values, hubspot) for target in module.TARGETS
}
