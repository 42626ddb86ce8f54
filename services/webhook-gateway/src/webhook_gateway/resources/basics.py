"""What several resources share: ids, pages, revisions."""

from typing import Annotated, Generic, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Direction = Literal["to_crm", "from_crm", "bidirectional"]
Id = Annotated[str, Meta(min_length=1, max_length=128)]


class Tagged(NamedTuple, Generic[T]):
    """A thing and its revision, which HTTP carries as `ETag`."""

    value: T
    etag: str


class Paging(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which page of a list is asked for."""

    page_size: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Items per page; 0 = 50, more than 200 = 200.")] = 0
    page_token: Annotated[str, Meta(description="`nextPageToken` of the page before, with the same filter.")] = ""
