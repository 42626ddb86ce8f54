"""All targets by name."""

from fuzz import api, connection, hubspot, lead_values, terminal, webhooks

TARGETS = {
    target.name: target
    for module in (webhooks, api, connection, lead_values, hubspot, terminal)
    for target in module.TARGETS
}
