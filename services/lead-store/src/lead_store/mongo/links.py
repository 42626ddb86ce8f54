"""A link as part of its lead's document."""

from operator import attrgetter
from typing import Any

from lead_store.domain.link import LastWrite, Link, Overwritten, Pending, Refusal, WriteKind
from lead_store.domain.merge import Base, Conflict
from lead_store.domain.observation import UnreadableValue
from lead_store.domain.oscillation import Oscillation
from lead_store.mongo.client import Document
from lead_store.mongo.names import decode_keys, encode_keys

# Tuples of all fields, in their order. `dataclasses.astuple` would copy each value deeply.
_conflict_values = attrgetter(*Conflict.__match_args__)
_refusal_values = attrgetter(*Refusal.__match_args__)
_oscillation_values = attrgetter(*Oscillation.__match_args__)


def link_document(link: Link) -> Document:
    """The link as stored."""
    return {
        "integration_id": link.integration_id,
        "provider": link.provider,
        "account_id": link.account_id,
        "record_id": link.record_id,
        "ref": record_ref(link.provider, link.account_id, link.record_id) if link.record_id else "",
        "former_record_ids": list(link.former_record_ids),
        "base": encode_keys({name: [base.platform, base.crm] for name, base in link.base.items()}),
        "mapping": link.mapping,
        "pending": _pending_document(link.pending) if link.pending else None,
        "seen": link.seen,
        "conflicts": encode_keys({name: _conflict_values(waits) for name, waits in link.conflicts.items()}),
        "refused": encode_keys({name: _refusal_values(refusal) for name, refusal in link.refused.items()}),
        "detached_reason": link.detached_reason,
        "duplicate_of": link.duplicate_of,
        "last_write": [link.last_write.basis, list(link.last_write.fields)] if link.last_write else None,
        "oscillations": encode_keys(
            {name: _oscillation_values(oscillation) for name, oscillation in link.oscillations.items()}
        ),
        "overwritten": encode_keys({n: [o.value, o.changed_at, o.source] for n, o in link.overwritten.items()}),
        "emails": list(link.emails),
        "object": link.object,
        "record_url": link.record_url,
        "unreadable": encode_keys({name: [value.theirs, value.reason] for name, value in link.unreadable.items()}),
    }


def link_from(document: Document) -> Link:
    """The link of a document."""
    return Link(
        integration_id=document["integration_id"],
        provider=document["provider"],
        account_id=document["account_id"],
        record_id=document["record_id"],
        former_record_ids=tuple(document["former_record_ids"]),
        base={name: Base(*pair) for name, pair in decode_keys(document["base"]).items()},
        mapping=document["mapping"],
        pending=_pending_from(document["pending"]) if document["pending"] else None,
        seen=document["seen"],
        conflicts={name: Conflict(*pair) for name, pair in decode_keys(document["conflicts"]).items()},
        refused={name: Refusal(*pair) for name, pair in decode_keys(document["refused"]).items()},
        detached_reason=document["detached_reason"],
        duplicate_of=document["duplicate_of"],
        last_write=LastWrite(document["last_write"][0], tuple(document["last_write"][1]))
        if document["last_write"]
        else None,
        oscillations={name: Oscillation(*values) for name, values in decode_keys(document["oscillations"]).items()},
        overwritten={name: Overwritten(*values) for name, values in decode_keys(document["overwritten"]).items()},
        emails=tuple(document.get("emails", ())),
        object=document.get("object", ""),
        record_url=document.get("record_url", ""),
        unreadable={name: UnreadableValue(*pair) for name, pair in decode_keys(document.get("unreadable", {})).items()},
    )


def record_ref(provider: str, account_id: str, record_id: str) -> str:
    """A record of an account in one value, for look-ups."""
    return f"{provider}/{account_id}/{record_id}"


def _pending_document(pending: Pending) -> Document:
    return {
        "write_id": pending.write_id,
        "kind": pending.kind.value,
        "work_item_id": pending.work_item_id,
        "fence": pending.fence,
        "until": pending.until,
        "values": encode_keys(pending.values),
        "basis": pending.basis,
        "planned_at": pending.planned_at,
        "inherited": pending.inherited,
        "replaces": encode_keys(pending.replaces),
    }


def _pending_from(document: dict[str, Any]) -> Pending:
    return Pending(
        write_id=document["write_id"],
        kind=WriteKind(document["kind"]),
        work_item_id=document["work_item_id"],
        fence=document["fence"],
        until=document["until"],
        values=decode_keys(document["values"]),
        basis=document["basis"],
        planned_at=document["planned_at"],
        inherited=document.get("inherited", False),
        replaces=decode_keys(document.get("replaces", {})),
    )
