"""The contact properties that every HubSpot account has, as far as a contact sync may see them."""

from dataclasses import dataclass, field, replace
from typing import Any

from hubspot_simulator.core.clock import iso

LIFECYCLE_STAGES = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer",
    "evangelist", "other",
)  # fmt: skip
LEAD_STATUSES = (
    "NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED",
    "BAD_TIMING",
)  # fmt: skip
DEFAULT_GROUP = "contactinformation"
NOT_SENSITIVE = "non_sensitive"


@dataclass(frozen=True, slots=True)
class Definition:
    """One property definition, in HubSpot's terms."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group_name: str = DEFAULT_GROUP
    description: str = ""
    options: tuple[dict[str, Any], ...] = ()
    display_order: int = -1
    unique: bool = False
    hidden: bool = False
    form_field: bool = False
    sensitivity: str = NOT_SENSITIVE
    calculated: bool = False
    hubspot_defined: bool = False
    read_only: bool = False
    archived: bool = False
    created_ms: int = 0
    updated_ms: int = 0
    author_id: str | None = None
    allowed: frozenset[str] = field(default=frozenset())

    def with_options(self, options: list[dict[str, Any]]) -> "Definition":
        """The same definition with other options, and the set of values that a write may use."""
        complete = tuple(
            {
                "label": str(option.get("label", option["value"])),
                "value": str(option["value"]),
                "displayOrder": int(option.get("displayOrder", index)),
                "hidden": bool(option.get("hidden", False)),
            }
            | ({"description": option["description"]} if option.get("description") else {})
            for index, option in enumerate(options)
        )
        return replace(self, options=complete, allowed=frozenset(str(option["value"]) for option in complete))

    def to_json(self) -> dict[str, Any]:
        """The definition as the properties API answers it (recorded property-create answer)."""
        body: dict[str, Any] = {
            "updatedAt": iso(self.updated_ms),
            "createdAt": iso(self.created_ms),
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group_name,
            "options": [dict(option) for option in self.options],
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": False,
            "archived": self.archived,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "hubspotDefined": self.hubspot_defined,
            "modificationMetadata": {
                "archivable": not self.hubspot_defined,
                "readOnlyDefinition": self.hubspot_defined,
                "readOnlyOptions": self.hubspot_defined and self.type != "enumeration",
                "readOnlyValue": self.read_only,
            },
            "formField": self.form_field,
            "dataSensitivity": self.sensitivity,
        }
        if self.author_id is not None:
            body |= {"createdUserId": self.author_id, "updatedUserId": self.author_id}
        return body


def _choice(name: str, label: str, values: tuple[str, ...]) -> Definition:
    plain = Definition(name, label, "enumeration", "radio", hubspot_defined=True, form_field=True)
    return plain.with_options([{"label": value.replace("_", " ").title(), "value": value} for value in values])


_WRITABLE = {
    "email": "Email", "firstname": "First Name", "lastname": "Last Name", "company": "Company Name",
    "jobtitle": "Job Title", "website": "Website URL", "address": "Street Address", "city": "City",
    "state": "State/Region", "zip": "Postal Code", "country": "Country/Region", "fax": "Fax Number",
    "salutation": "Salutation", "industry": "Industry", "message": "Message",
    "hs_language": "Preferred language",
    "hubspot_owner_id": "Contact owner", "hs_additional_emails": "Additional email addresses",
    "hs_linkedin_url": "LinkedIn URL", "twitterhandle": "Twitter Username", "date_of_birth": "Date of birth",
    "hs_pipeline": "Pipeline",
}  # fmt: skip
_PHONES = {"phone": "Phone Number", "mobilephone": "Mobile Phone Number"}
_TIMES = {
    "createdate": "Create Date", "lastmodifieddate": "Last Modified Date",
    "hs_lifecyclestage_lead_date": "Became a Lead Date", "hs_createdate": "Object create date/time",
}  # fmt: skip
_COMPUTED = {
    "hs_object_id": "Record ID", "hs_merged_object_ids": "Merged record IDs",
    "hs_calculated_merged_vids": "Merged vids with timestamps of a contact",
    "hs_all_contact_vids": "All vids",
    "hs_email_domain": "Email Domain", "hs_marketable_status": "Marketing contact status",
    "hs_object_source": "Record creation source", "hs_object_source_id": "Record creation source ID",
    "hs_object_source_label": "Record source", "hs_object_source_user_id": "Record creation source user ID",
    "hs_updated_by_user_id": "Updated by user ID", "hs_created_by_user_id": "Created by user ID",
}  # fmt: skip
_FLAGS = {"hs_is_contact": "Is a contact", "hs_is_unworked": "Contact unworked"}


def default_definitions() -> list[Definition]:
    """Every HubSpot-defined property of the simulator; types as in the properties guide."""
    found = [Definition(name, label, hubspot_defined=True, form_field=True) for name, label in _WRITABLE.items()]
    found += [
        Definition(name, label, "string", "phonenumber", hubspot_defined=True, form_field=True)
        for name, label in _PHONES.items()
    ]
    found += [
        Definition(name, label, "datetime", "date", hubspot_defined=True, read_only=True, calculated=True)
        for name, label in _TIMES.items()
    ]
    found += [
        Definition(name, label, hubspot_defined=True, read_only=True, calculated=True)
        for name, label in _COMPUTED.items()
    ]
    found += [
        Definition(name, label, "bool", "booleancheckbox", hubspot_defined=True, read_only=True, calculated=True)
        for name, label in _FLAGS.items()
    ]
    found.append(Definition("annualrevenue", "Annual Revenue", hubspot_defined=True, form_field=True))
    found.append(Definition("numemployees", "Number of Employees", "number", "number", hubspot_defined=True))
    found.append(_choice("lifecyclestage", "Lifecycle Stage", LIFECYCLE_STAGES))
    found.append(_choice("hs_lead_status", "Lead Status", LEAD_STATUSES))
    return found
