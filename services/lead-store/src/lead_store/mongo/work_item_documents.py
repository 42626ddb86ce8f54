"""A work item as a document."""

from lead_store.domain.match import Candidate
from lead_store.domain.rules import MatchKey
from lead_store.domain.work_item import Notes, WorkItem
from lead_store.mongo.client import Document

NOTES = tuple(Notes.__dataclass_fields__)


def work_item_from(document: Document) -> WorkItem:
    """The work item of a document."""
    values = {name: document[name] for name in WorkItem.__dataclass_fields__ if document.get(name) is not None}
    notes = {name: document[name] for name in NOTES if document.get(name) is not None}
    notes["candidates"] = tuple(
        Candidate(lead_id, tuple(map(MatchKey, keys))) for lead_id, keys in document.get("candidates") or ()
    )
    return WorkItem(
        work_item_id=document["_id"], notes=Notes(**notes), **{k: v for k, v in values.items() if k != "notes"}
    )


def notes_document(notes: Notes) -> Document:
    """Notes as the part of a work item's document that holds them."""
    return {name: getattr(notes, name) for name in NOTES}
