"""The collection `targets`: one document per integration, and which process works it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from pymongo import UpdateOne, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from lead_store.domain.rules import (
    BlankRule,
    Capabilities,
    DeletePolicy,
    Deletions,
    Direction,
    FieldRule,
    MatchKey,
    MergeRule,
    RecordPolicy,
    Target,
)
from lead_store.mongo.client import EPOCH, Document, from_now, milliseconds
from lead_store.mongo.names import decode_keys, encode_keys
from lead_store.mongo.single_writes import limited, write_each

SHOWN_OPEN = ("worker_until", "news", "applying")  # the embedded server takes three times as long for a part of one


class OpenTarget(NamedTuple):
    """An integration whose work a process may have."""

    integration_id: str
    news: int  # how often it was noted that its work came to be due
    is_applying: bool  # changed settings are on their way through its work items


@dataclass(frozen=True, slots=True)
class Targets:
    """Reads and writes targets."""

    collection: Collection[Document]

    @classmethod
    def of(cls, database: Database[Document]) -> "Targets":
        """The targets of a database."""
        return cls(database["targets"])

    @limited
    def put(self, target: Target, applied: str) -> bool:
        """Store a target unless a newer revision is there; False if another integration or tenant has the account.

        `applied` is the fingerprint that the work items of a new target are looked at with from the beginning.
        """
        own = {"_id": target.integration_id, "tenant_id": target.tenant_id}
        document = _document(target)
        try:
            while True:
                older = {**own, "revision": {"$lte": target.revision}}
                if self.collection.update_one(older, {"$set": document}).matched_count:
                    return True
                if self.collection.find_one(own) is not None:
                    return True  # a newer one is there
                try:
                    fresh = {"applied": applied, "worker": "", "worker_until": EPOCH}
                    self.collection.insert_one({**own, **document, **fresh})
                except DuplicateKeyError:
                    if self.collection.find_one(own) is None:
                        return False
                else:
                    return True
        except DuplicateKeyError:  # a change of account
            return False

    @limited
    def remove(self, tenant_id: str, integration_id: str) -> None:
        """Forget a target."""
        self.collection.delete_one({"_id": integration_id, "tenant_id": tenant_id})

    def get(self, integration_id: str, tenant_id: str = "", session: ClientSession | None = None) -> Target | None:
        """The target of an integration; with `tenant_id` only if that tenant owns it."""
        query = {"_id": integration_id, **({"tenant_id": tenant_id} if tenant_id else {})}
        document = self.collection.find_one(query, session=session)
        return _target(document) if document else None

    def of_tenant(self, tenant_id: str, session: ClientSession | None = None) -> list[Target]:
        """All targets of a tenant."""
        return [_target(document) for document in self.collection.find({"tenant_id": tenant_id}, session=session)]

    def of_accounts(self, accounts: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Target]:
        """The targets of (provider, account id) pairs, as far as there are any."""
        wanted = [{"provider": provider, "account_id": account_id} for provider, account_id in accounts]
        found = [_target(document) for document in self.collection.find({"$or": wanted})] if wanted else []
        return {(target.provider, target.account_id): target for target in found}

    def open_to(self, worker_id: str, now: datetime) -> list[OpenTarget]:
        """Integrations whose work this process may have: not paused, and not worked by another process.

        The one that was worked last comes last, so that no backlog keeps the others waiting. `now` is a time of the
        database's clock. A comparison with the time of the reading would cost the embedded server three times as much.
        """
        query = {"paused": False, "$or": [{"worker": worker_id}, {"worker_until": {"$lte": now}}]}
        found = self.collection.find(query, dict.fromkeys(SHOWN_OPEN, 1)).sort("worker_until", 1)
        return [OpenTarget(one["_id"], one.get("news", 0), _is_applying(one)) for one in found]

    def note_news(self, integration_ids: Iterable[str]) -> None:
        """Note that work of these integrations came to be due, or will. A hint, so it need not outlive a failure."""
        soon = self.collection.with_options(write_concern=WriteConcern(1))
        write_each(soon, [UpdateOne({"_id": one}, {"$inc": {"news": 1}}) for one in integration_ids])

    @limited
    def take(self, integration_id: str, worker_id: str, tenure: timedelta) -> bool:
        """Make this process the integration's worker for a while; False if another one is."""
        result = self.collection.update_one(
            {"_id": integration_id, "paused": False, "$or": [{"worker": worker_id}, {"$expr": _free()}]},
            [
                {
                    "$set": {
                        "worker": {"$literal": worker_id},
                        "worker_until": from_now(tenure),
                    }
                }
            ],
        )
        return result.matched_count == 1

    @limited
    def leave(self, worker_id: str) -> None:
        """Give up all integrations of a process that has gone."""
        self.collection.update_many({"worker": worker_id}, {"$set": {"worker": "", "worker_until": EPOCH}})


def _is_applying(document: Document) -> bool:
    return isinstance((document.get("applying") or {}).get("after"), str)


def _free() -> Document:
    return {"$lte": [{"$toLong": "$worker_until"}, {"$toLong": "$$NOW"}]}


def _document(target: Target) -> Document:
    return {
        "tenant_id": target.tenant_id,
        "provider": target.provider,
        "account_id": target.account_id,
        "direction": target.direction.value,
        "rules": encode_keys({n: [r.merge.value, r.blank.value, r.direction.value] for n, r in target.rules.items()}),
        "mapping": target.mapping,
        "webhooks_enabled": target.webhooks_enabled,
        "paused": target.paused,
        "revision": target.revision,
        "deletions": {
            "policy": target.deletions.policy.value,
            "grace_seconds": int(target.deletions.grace.total_seconds()),
            "cap_number": target.deletions.cap_number,
            "cap_percent": target.deletions.cap_percent,
            "record_policy": target.deletions.record_policy.value,
        },
        "match_keys": [key.value for key in target.match_keys],
        "phone_region": target.phone_region,
        "capabilities": {
            "history": target.capabilities.history,
            "guarded_writes": target.capabilities.guarded_writes,
            "write_stamp": target.capabilities.write_stamp,
            "erasure_events": target.capabilities.erasure_events,
            "unread_within_ms": milliseconds(target.capabilities.unread_within),
            "objects": list(target.capabilities.objects),
        },
        "provider_name": target.provider_name,
    }


def _rule(merge: str, blank: str, direction: str = Direction.BIDIRECTIONAL) -> FieldRule:
    return FieldRule(MergeRule(merge), BlankRule(blank), Direction(direction))


def _target(document: Document) -> Target:
    return Target(
        integration_id=document["_id"],
        tenant_id=document["tenant_id"],
        provider=document["provider"],
        account_id=document["account_id"],
        direction=Direction(document["direction"]),
        rules={name: _rule(*rule) for name, rule in decode_keys(document["rules"]).items()},
        mapping=document["mapping"],
        webhooks_enabled=document["webhooks_enabled"],
        paused=document["paused"],
        revision=document["revision"],
        deletions=Deletions(
            DeletePolicy(document["deletions"]["policy"]),
            timedelta(seconds=document["deletions"]["grace_seconds"]),
            document["deletions"]["cap_number"],
            document["deletions"]["cap_percent"],
            RecordPolicy(document["deletions"].get("record_policy", RecordPolicy.LEAVE)),
        ),
        match_keys=tuple(MatchKey(key) for key in document.get("match_keys", [MatchKey.EMAIL])),
        phone_region=document.get("phone_region", ""),
        capabilities=_capabilities(document["capabilities"]) if "capabilities" in document else Capabilities(),
        provider_name=document.get("provider_name", ""),
    )


def _capabilities(document: Document) -> Capabilities:
    return Capabilities(
        history=document["history"],
        guarded_writes=document["guarded_writes"],
        write_stamp=document["write_stamp"],
        erasure_events=document["erasure_events"],
        unread_within=timedelta(milliseconds=document["unread_within_ms"]),
        objects=tuple(document["objects"]),
    )
