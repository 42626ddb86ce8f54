"""Whether a mapping fits the CRM's properties: what cannot work, and what works only for some values. Pure."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.mapping import CrmField, FieldMapping
from crm_connector.domain.transforms import Transform, TransformKind, to_crm, to_platform
from crm_connector.domain.values import ValueType

# What properties of these kinds take. Whether a text is one of these depends on its value.
_TAKES = {
    ValueType.NUMBER: "numbers",
    ValueType.BOOLEAN: "true and false",
    ValueType.DATE: "dates",
    ValueType.DATETIME: "times",
}
_DAYS_AND_TIMES = {ValueType.DATE, ValueType.DATETIME}
# Types that any text may be a value of.
_FREE = {kind for kind in ValueType if kind.is_free}
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
        for fault in _of_field(_Pair(field, mapping, properties.get(name), field in written), name)
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """One mapped field; `found` is its property, if there is one."""

    field: str
    mapping: FieldMapping
    found: CrmField | None
    written: bool

    @property
    def steps(self) -> tuple[Transform, ...]:
        """Steps of its values."""
        return self.mapping.steps.get(self.field, ())

    @property
    def type(self) -> ValueType:
        """Type of the lead field."""
        return self.mapping.types.get(self.field, ValueType.TEXT)


def _of_field(pair: _Pair, name: str) -> Iterator[MappingFault]:
    at, path = f"field_mapping.{pair.field}", f"field_transforms.{pair.field}"
    if (found := pair.found) is None:
        yield MappingFault(at, f"The CRM has no property `{name}`. Create it there or map another one.")
        return
    if pair.written and found.read_only:
        problem = f"The CRM calculates `{name}`. Map another property, or let the field flow from_crm only."
        yield MappingFault(at, problem)
    if pair.written and found.caveat:
        yield MappingFault(at, found.caveat, warning=True)
    if fault := _pair_fault(pair, found):
        yield MappingFault(at, fault)
    elif pair.written and (fault := _some_values_fault(pair, found)):
        yield MappingFault(at, fault, warning=True)
    for number, step in enumerate(pair.steps):
        if fault := _type_fault(step, found, pair.written):
            yield MappingFault(f"{path}[{number}]", fault)
        elif fault := _table_fault(step, found):
            yield MappingFault(f"{path}[{number}].options", fault)
    if pair.written and pair.steps and (fault := _way_back_fault(found, pair.steps)):
        yield MappingFault(path, fault)


def _pair_fault(pair: _Pair, found: CrmField) -> str:
    """Say why no value of the lead field's type fits the property; a table of options may make any pair fit."""
    lead, kind, name = pair.type, found.kind, found.property
    if lead is kind or {lead, kind} & _FREE or any(step.kind is TransformKind.OPTIONS for step in pair.steps):
        return ""
    if {lead, kind} == _DAYS_AND_TIMES:
        lost = f"The lead field is a {lead.value} and `{name}` a {kind.value}: the hour would be lost on the way."
        return f"{lost} Map another property, or let the field flow from_crm only." if pair.written else ""
    problem = f"The lead field is of type {lead.value} and `{name}` of type {found.type or kind.value}"
    return f"{problem}: no value of one is a value of the other. Map another property, or change the field's type."


def _some_values_fault(pair: _Pair, found: CrmField) -> str:
    """Say what a property takes that may not be what the field holds."""
    is_day, has_step = found.kind in _DAYS_AND_TIMES, any(step.kind is TransformKind.DATE for step in pair.steps)
    if pair.type is ValueType.MULTI_CHOICE and found.kind is ValueType.CHOICE:
        return f"`{found.property}` takes one choice only; several choices stay on the platform."
    if pair.type not in _FREE or found.kind not in _TAKES or has_step or not (is_day or pair.field in _TEXT_FIELDS):
        return ""
    fix = "Map another property."
    if is_day and pair.field not in _TEXT_FIELDS:
        fix = f"Give the lead field the type {found.kind.value}, or map another property."
    return f"`{found.property}` takes {_TAKES[found.kind]} only; other values stay on the platform. {fix}"


def _type_fault(step: Transform, found: CrmField, written: bool) -> str:
    """Say why a step makes no sense for a type."""
    name = found.property
    if step.kind is TransformKind.PHONE_E164 and found.kind is not ValueType.TEXT:
        return f"`{name}` is of type {found.type}, which holds no phone numbers. Leave the step out."
    if step.kind is not TransformKind.DATE or found.kind in {ValueType.TEXT, ValueType.DATE}:
        return ""
    if found.kind is not ValueType.DATETIME:
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
    return {value for value, _ in found.options} or ({"true", "false"} if found.kind is ValueType.BOOLEAN else set())


def _listed(words: list[str]) -> str:
    """Some of the words, for people."""
    shown = ", ".join(f"`{word[:40]}`" for word in words[:10])
    return f"{shown} and {len(words) - 10} more" if len(words) > 10 else shown
