"""What is drawn once for a whole history: the rules of the integrations and the habits of the CRM."""

from dataclasses import dataclass

PROPERTIES = {"email": "email", "first_name": "firstname", "phone": "phone", "company": "company"}
FIELDS = tuple(PROPERTIES)


@dataclass(frozen=True)
class Tenant:
    """A tenant, its account and what people type there. Only e-mails are the same for both (L9)."""

    name: str
    portal_id: int
    token: str
    integration_id: str
    values: dict[str, tuple[str, ...]]

    def __repr__(self) -> str:
        return self.name


EMAILS = ("", "one@acme.org", "One@ACME.org", "two@acme.org")
TENANTS = (
    Tenant(
        "tenant-a",
        48975575,
        "pat-na1-simulator",
        "integration-a",
        {"email": EMAILS, "first_name": ("", "Ann", "Bob"), "phone": ("", "+15550100", "+1 555 0100", "+15550199")},
    ),
    Tenant(
        "tenant-b",
        48975576,
        "pat-na1-other",
        "integration-b",
        {"email": EMAILS, "first_name": ("", "Xia", "Yan"), "phone": ("", "+15550200", "+1 555 0200", "+15550299")},
    ),
)


@dataclass(frozen=True)
class Config:
    """One world's constants. `normalises` is how the CRM spells phones: as sent, in its answer, or a moment later."""

    rule: str = "newest"
    blank: str = "keep"
    direction: str = "bidirectional"
    deletions: str = "unlink"
    cap: int = 0  # deletions per hour; 0 = the default
    crm_clock_skew: float = 0.0  # seconds
    read_lag: float = 0.0
    search_lag: float = 0.5
    normalises: str = ""
    workflow: bool = False  # the CRM sets a first name again after each of our writes
    robot: bool = False  # and so does a program on the platform
    event_format: str = "subscription"
    merge_new_id: bool = True
    merge_extra_events: bool = False
