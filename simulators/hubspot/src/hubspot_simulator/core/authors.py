"""The author of a change, as property history and webhook events show it."""

from dataclasses import dataclass

DEFAULT_USER_ID = 98499705


@dataclass(frozen=True, slots=True)
class Author:
    """The source of a write: an app's token, or a person or process inside HubSpot."""

    source_type: str
    source_id: str | None
    source_label: str | None = None
    user_id: int | None = None
    token: str | None = None

    @property
    def is_app(self) -> bool:
        """Whether an app's token made the write."""
        return self.token is not None


def app_author(app_id: int, token: str, label: str | None = None) -> Author:
    """Any write with an app's token: `INTEGRATION` and the app id as a string (recorded events)."""
    return Author("INTEGRATION", str(app_id), label, token=token)


def person_author(user_id: int = DEFAULT_USER_ID, source: str = "CRM_UI", source_id: str | None = None) -> Author:
    """A person in HubSpot's own pages: `CRM_UI` and `userId:<id>` (recorded events)."""
    return Author(source, source_id or f"userId:{user_id}", None, user_id)
