"""HubSpot's paths: `v3`, and the dated versions (`2026-03`), which put the version elsewhere."""

import re
from dataclasses import dataclass
from urllib.parse import quote

_DATED = re.compile(r"20\d\d-\d\d(-beta)?")


def is_version(text: str) -> bool:
    """Whether this names an API version we can build paths for."""
    return text == "v3" or _DATED.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Paths:
    """Builds paths for one API version."""

    version: str

    @property
    def _dated(self) -> bool:
        return self.version != "v3"

    def contacts(self, tail: str = "") -> str:
        """Path of contacts, or of something below."""
        base = f"/crm/objects/{self.version}/contacts" if self._dated else "/crm/v3/objects/contacts"
        return f"{base}/{tail}" if tail else base

    def contact(self, record_id: str) -> str:
        """Path of one contact."""
        return self.contacts(quote(record_id, safe=""))

    def properties(self, name: str = "") -> str:
        """Path of the property definitions of contacts, or of one of them."""
        base = f"/crm/properties/{self.version}/contacts" if self._dated else "/crm/v3/properties/contacts"
        return f"{base}/{quote(name, safe='')}" if name else base

    def webhooks(self, app_id: str, tail: str) -> str:
        """Path of an app's webhooks; the prefix is not uniform between versions (HubSpot's public API specs)."""
        prefix = "app-webhooks" if self._dated and self.version != "2026-03" else "webhooks"
        return f"/{prefix}/{self.version}/{quote(app_id, safe='')}/{tail}"

    def token(self) -> str:
        """Path of the OAuth token endpoint."""
        return f"/oauth/{self.version}/token" if self._dated else "/oauth/v1/token"
