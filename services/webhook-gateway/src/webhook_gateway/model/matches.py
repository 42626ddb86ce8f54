"""Records that may belong to several leads, what a person says of them, and leads that seem to be one person."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from webhook_gateway.model.basics import Id, Paging


class MatchQuery(Paging):
    """Whose matches or duplicates are asked for."""

    integration_id: str = ""


class MatchCandidate(Struct, rename="camel"):
    """A lead that the record may belong to.

    `keys` are what both have in common; none if the record's mark names the lead. `taken`: it is linked to another
    record by now, and picking it moves its link.
    """

    lead_id: str
    keys: list[Literal["email", "phone", "name_domain"]]
    taken: bool


class Match(Struct, rename="camel"):
    """A record that waits for a person to say whose it is."""

    integration_id: str
    record_id: str
    candidates: list[MatchCandidate]
    since: datetime | None
    etag: str


class MatchPage(Struct, rename="camel"):
    """Some records that wait."""

    matches: list[Match]
    next_page_token: str | None


class Pick(Struct, rename="camel", forbid_unknown_fields=True):
    """Whose the record is: one of the candidates, or a new lead's. `etag` is that of the match that was seen."""

    integration_id: Id
    record_id: Id
    etag: Annotated[str, Meta(min_length=1, max_length=128)]
    lead_id: Id | UnsetType = UNSET
    create_new: bool = False


class Duplicate(Struct, rename="camel"):
    """Two leads whose records were merged in the CRM: `leadId` has the survivor, `duplicateLeadId` lost its own."""

    integration_id: str
    record_id: str
    lead_id: str
    duplicate_lead_id: str


class DuplicatePage(Struct, rename="camel"):
    """Some pairs."""

    duplicates: list[Duplicate]
    next_page_token: str | None
