"""Targets: contract to domain."""

from datetime import timedelta

from leadsync.sync.v1 import sync_pb2

from lead_store.domain.errors import Invalid
from lead_store.domain.lead_fields import TenantFields
from lead_store.domain.policy import checked
from lead_store.domain.rules import Capabilities, Target
from lead_store.rpc.policy_mapping import given_policy
from lead_store.rpc.requests import bounded, required

LONGEST_UNREAD_MS = 24 * 3600 * 1000


def target_of(message: sync_pb2.Target) -> Target:
    """A target as the connector describes it. The types of its fields come from its tenant, when it is used."""
    if not message.HasField("capabilities"):
        raise Invalid("target.capabilities", "is required")
    policy = checked(given_policy(message.policy), message.mapped_fields, TenantFields())
    return Target(
        integration_id=required("target.integration_id", message.integration_id),
        tenant_id=required("target.tenant_id", message.tenant_id),
        provider=required("target.provider", message.provider),
        account_id=required("target.account_id", message.account_id),
        direction=policy.direction,
        rules=policy.rules,
        mapping=message.mapping_fingerprint,
        webhooks_enabled=message.webhooks_enabled,
        paused=message.paused,
        revision=message.revision,
        deletions=policy.deletions,
        match_keys=policy.match_keys,
        phone_region=policy.phone_region,
        capabilities=_capabilities(message.capabilities),
        provider_name=bounded("target.provider_name", message.provider_name),
    )


def _capabilities(message: sync_pb2.Capabilities) -> Capabilities:
    if not 0 <= message.unread_within_ms <= LONGEST_UNREAD_MS:
        raise Invalid("target.capabilities.unread_within_ms", "is 0 to a day")
    return Capabilities(
        history=message.history,
        guarded_writes=message.guarded_writes,
        write_stamp=message.write_stamp,
        erasure_events=message.erasure_events,
        unread_within=timedelta(milliseconds=message.unread_within_ms),
        objects=tuple(message.objects),
    )
