"""The fields of a tenant's leads: the standard ones, and the custom ones that the tenant declared with a type."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lead_store.domain.errors import Invalid, NotAllowed
from lead_store.domain.fields import CUSTOM_PREFIX, STANDARD_FIELDS, is_field
from lead_store.domain.values import BETWEEN_CHOICES, FieldType, NotOfType, canonical

MOST_FIELDS = 200
MOST_OPTIONS, LONGEST_OPTION = 1_000, 200
LONGEST_LABEL = 200
# Of all fields of a tenant together, so that a list of them fits into one message and one document.
MOST_OPTIONS_IN_ALL, LONGEST_OPTIONS_IN_ALL = 10_000, 500_000


@dataclass(frozen=True, slots=True)
class LeadField:
    """One field. Its `revision` is that of the tenant's fields when it was last changed; 0 = it is not stored."""

    name: str  # `email`, … or `custom_fields.<name>`
    label: str
    kind: FieldType
    options: tuple[str, ...] = ()  # empty = any
    standard: bool = False
    revision: int = 0


_LABELS = ("E-mail", "First name", "Last name", "Phone", "Company", "Job title", "Website", "Status")
_TYPES = {"email": FieldType.EMAIL, "phone": FieldType.PHONE, "website": FieldType.URL}
STANDARD = {
    name: LeadField(name, label, _TYPES.get(name, FieldType.TEXT), standard=True)
    for name, label in zip(STANDARD_FIELDS, _LABELS, strict=True)
}


@dataclass(frozen=True, slots=True)
class TenantFields:
    """The fields of one tenant. `revision` grows by one with each change of a declaration, also with a removal."""

    declared: Mapping[str, LeadField] = field(default_factory=dict)
    revision: int = 0

    def in_order(self) -> list[LeadField]:
        """Standard fields first, then declared ones by name."""
        return [*STANDARD.values(), *(declared for _, declared in sorted(self.declared.items()))]

    def get(self, name: str) -> LeadField | None:
        """A field that is standard or declared."""
        return STANDARD.get(name) or self.declared.get(name)

    def type_of(self, name: str) -> FieldType:
        """The type of a field; a custom field that nobody declared is text."""
        known = self.get(name)
        return known.kind if known else FieldType.TEXT

    def canonical(self, name: str, text: str) -> str:
        """A value of a field as it is kept. Raises Invalid with the name of the field and why it is not of its type."""
        known = self.get(name)
        if known is None:
            return text
        try:
            return canonical(known.kind, text, known.options)
        except NotOfType as error:
            raise Invalid(name, error.detail, error.reason) from error

    def with_field(self, declared: LeadField) -> "TenantFields":
        """The fields with this declaration; the same object if it is there already. Raises NotAllowed past a limit."""
        known = self.declared.get(declared.name)
        if known is not None and replace(declared, revision=known.revision) == known:
            return self
        revision = self.revision + 1
        after = {**self.declared, declared.name: replace(declared, revision=revision)}
        _check_limits(after)
        return TenantFields(after, revision)

    def without(self, name: str) -> "TenantFields":
        """The fields without a declaration; the same object if there is none."""
        if name not in self.declared:
            return self
        left = {other: declared for other, declared in self.declared.items() if other != name}
        return TenantFields(left, self.revision + 1)


def declare(name: str, label: str, kind: FieldType, options: tuple[str, ...] = ()) -> LeadField:
    """A declaration that was checked; without a label it gets the field's own name. Raises Invalid."""
    check_custom(name)
    label = label.strip() or name.removeprefix(CUSTOM_PREFIX)
    if len(label) > LONGEST_LABEL or len(label.splitlines()) != 1:
        raise Invalid("label", f"has 1 to {LONGEST_LABEL} characters and no line breaks")
    _check_options(kind, options)
    return LeadField(name, label, kind, options)


def check_custom(name: str) -> None:
    """Refuse the name of a standard field, and what is no name of a field. Raises Invalid."""
    if name in STANDARD:
        raise Invalid("name", "is a standard field, whose type is fixed", "standard_field")
    if not is_field(name):
        raise Invalid("name", "is `custom_fields.` and 1 to 64 letters, digits or underscores")


def _check_options(kind: FieldType, options: tuple[str, ...]) -> None:
    if options and not kind.has_options:
        raise Invalid("options", f"belong to choices; a field of type {kind} has none")
    if len(options) > MOST_OPTIONS:
        raise Invalid("options", f"are at most {MOST_OPTIONS:,}")
    known: set[str] = set()
    for number, option in enumerate(options):
        path = f"options[{number}]"
        if not option or option != option.strip() or len(option) > LONGEST_OPTION:
            raise Invalid(path, f"has 1 to {LONGEST_OPTION} characters and no outer space")
        if kind is FieldType.MULTI_CHOICE and BETWEEN_CHOICES in option:
            raise Invalid(path, f"holds `{BETWEEN_CHOICES}`, which separates the choices of a value")
        if option in known:
            raise Invalid(path, "is there twice")
        known.add(option)


def _check_limits(declared: Mapping[str, LeadField]) -> None:
    if len(declared) > MOST_FIELDS:
        raise NotAllowed("too_many_lead_fields", f"a tenant declares at most {MOST_FIELDS} fields: remove one first")
    options = [option for one in declared.values() for option in one.options]
    if len(options) > MOST_OPTIONS_IN_ALL or sum(map(len, options)) > LONGEST_OPTIONS_IN_ALL:
        limits = f"{MOST_OPTIONS_IN_ALL:,} options with {LONGEST_OPTIONS_IN_ALL:,} characters"
        raise NotAllowed("too_many_options", f"all fields of a tenant together have at most {limits}")
