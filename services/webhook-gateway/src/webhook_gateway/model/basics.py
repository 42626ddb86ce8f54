"""What several nouns share: names of fields, pages, revisions."""

from types import UnionType
from typing import Annotated, Generic, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

T = TypeVar("T")

Direction = Literal["to_crm", "from_crm", "bidirectional"]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
CustomName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,64}$")]
# A field of a lead in the outside's spelling; `clients.names` respells it.
LeadField = Annotated[
    str,
    Meta(
        pattern=r"^(email|firstName|lastName|phone|company|jobTitle|website|status|customFields\.[A-Za-z0-9_]{1,64})$"
    ),
]


class Tagged(NamedTuple, Generic[T]):
    """A thing and its revision, which HTTP carries as `ETag`."""

    value: T
    etag: str


class Paging(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which page of a list is asked for."""

    page_size: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Items per page; 0 = 50, more than 200 = 200.")] = 0
    page_token: Annotated[str, Meta(description="`nextPageToken` of the page before, with the same filter.")] = ""


def members(kind: object) -> tuple[object, ...]:
    """Split a type into the members of its union; one that is no union is its only member."""
    if get_origin(kind) in {Union, UnionType}:
        return tuple(inner for item in get_args(kind) for inner in members(item))
    return (kind,)
