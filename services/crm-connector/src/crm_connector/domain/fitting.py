"""Whether a mapping fits the CRM's properties: what cannot work, and what works only for some values. Pure."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import CrmField, FieldMapping
from crm_connector.domain.transforms import Transform, TransformKind, to_crm, to_platform

_TEXTS = {"string", "phone_number", ""}
_DATES = {"date", "datetime"}
# What these types take. Whether a text is one of these depends on its value.
_TAKES = {"number": "numbers", "bool": "true and false", "date": "dates", "datetime": "times"}
_TEXT_FIELDS = {"email", "first_name", "last_name", "phone", "company", "job_title", "website"}


@dataclass(frozen=True, slots=True)
class MappingFault:
    """What is wrong with one field of a mapping, and what to do. A `warning` is about some of its values only."""

    path: str
    problem: str
    warning: bool = False

    @property
    def reason(self) -> str:
        """The reason of an error: it says which setting to change."""
        return f"invalid_{self.path.partition('.')[0]}"


def mapping_faults(mapping: FieldMapping, known: Iterable[CrmField], written: Set[str]) -> list[MappingFault]:
    """Compare every mapped field with its property; `written` fields may flow to the CRM."""
    properties = {found.property: found for found in known}
    return [
        fault
        for field, name in mapping.properties.items()
        for fault in _of_field(field, name, properties.get(name), mapping.steps.get(field, ()), field in written)
    ]


def check_fit(mapping: FieldMapping, known: Iterable[CrmField], written: Set[str]) -> None:
    """Refuse a mapping that cannot work.

    Raises:
        InvalidError: `invalid_field_mapping` or `invalid_field_transforms`, by the first fault; it names all faults.

    """
    errors = [fault for fault in mapping_faults(mapping, known, written) if not fault.warning]
    if errors:
        first, *others = errors
        more = tuple((fault.path, fault.problem) for fault in others)
        raise InvalidError(first.reason, first.problem, field=first.path, more=more)


def _of_field(
    field: str, name: str, found: CrmField | None, steps: tuple[Transform, ...], written: bool
) -> Iterator[MappingFault]:
    at, path = f"field_mapping.{field}", f"field_transforms.{field}"
    if found is None:
        yield MappingFault(at, f"The CRM has no property `{name}`. Create it there or map another one.")
        return
    if written and found.read_only:
        yield MappingFault(
            at, f"The CRM calculates `{name}`. Map another property, or let the field flow from_crm only."
        )
    if written and found.caveat:
        yield MappingFault(at, found.caveat, warning=True)
    if written and (fault := _text_fault(field, found, steps)):
        yield MappingFault(at, fault, warning=True)
    for number, step in enumerate(steps):
        if fault := _type_fault(step, found, written):
            yield MappingFault(f"{path}[{number}]", fault)
        elif fault := _table_fault(step, found):
            yield MappingFault(f"{path}[{number}].options", fault)
    if written and steps and (fault := _way_back_fault(found, steps)):
        yield MappingFault(path, fault)


def _text_fault(field: str, found: CrmField, steps: tuple[Transform, ...]) -> str:
    """Say what a property takes that may not be what the field holds."""
    is_date, has_step = found.type in _DATES, any(step.kind is TransformKind.DATE for step in steps)
    if found.type not in _TAKES or has_step or not (is_date or field in _TEXT_FIELDS):
        return ""
    fix = "Add the step `date`, or map another property." if found.type == "date" else "Map another property."
    return f"`{found.property}` takes {_TAKES[found.type]} only; a lead whose value is none keeps it to itself. {fix}"


def _type_fault(step: Transform, found: CrmField, written: bool) -> str:
    """Say why a step makes no sense for a type."""
    name = found.property
    if step.kind is TransformKind.PHONE_E164 and found.type not in _TEXTS:
        return f"`{name}` is of type {found.type}, which holds no phone numbers. Leave the step out."
    if step.kind is not TransformKind.DATE or found.type in _TEXTS | {"date"}:
        return ""
    if found.type != "datetime":
        return f"`{name}` is of type {found.type}, which holds no dates. Leave the step out."
    if written:
        return f"`{name}` is a time: a date in its place would lose the hour. Let the field flow from_crm only."
    return ""


def _table_fault(step: Transform, found: CrmField) -> str:
    """Say which options of a table the property does not have."""
    has = _options(found)
    missing = [crm for crm, _ in step.options if has and crm not in has | found.hidden_options]
    if not missing:
        return ""
    return f"`{found.property}` has no option {_listed(missing)}. It has {_listed(sorted(has))}."


def _way_back_fault(found: CrmField, steps: tuple[Transform, ...]) -> str:
    """Say which options would not come back as they were, so that the CRM would refuse or mistake them."""
    lost = [option for option in sorted(_options(found)) if to_crm(steps, to_platform(steps, option)) != option]
    if not lost:
        return ""
    return f"On the way back option {_listed(lost)} would be another one. Name each in a step `options`."


def _options(found: CrmField) -> Set[str]:
    """Values that a property may take; none = any."""
    return {value for value, _ in found.options} or ({"true", "false"} if found.type == "bool" else set())


def _listed(words: list[str]) -> str:
    """Some of the words, for people."""
    shown = ", ".join(f"`{word[:40]}`" for word in words[:10])
    return f"{shown} and {len(words) - 10} more" if len(words) > 10 else shown
