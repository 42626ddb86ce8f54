"""The mapping editor's form: from settings to rows, and from what was sent back to settings. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webhook_gateway.problem import Fault, invalid
from webhook_gateway.resources.crm_fields import CrmField
from webhook_gateway.resources.integration_settings import Transform
from webhook_gateway.resources.lead_fields import DeclaredField
from webhook_gateway.resources.policy import EffectiveRule

MOST_ROWS = 300
SIMPLE = ("trim", "lower", "upper", "phone_e164", "date", "options")  # transforms that a row can have alone
COLUMNS = ("property", "direction", "rule", "blank", "transform", "region", "options")
_KEEP = "keep"  # steps that the form does not show are kept as they are


@dataclass(frozen=True, slots=True)
class Row:
    """One field of leads, and what it is mapped to."""

    name: str
    label: str
    type: str
    property: str = ""
    rule: EffectiveRule = field(default_factory=EffectiveRule)
    transform: str = ""
    region: str = ""
    options: str = ""
    suggested: str = ""
    problems: tuple[str, ...] = ()


def rows_of(
    fields: Sequence[DeclaredField],
    mapping: Mapping[str, str],
    rules: Mapping[str, EffectiveRule],
    transforms: Mapping[str, Sequence[Transform]],
    crm: Sequence[CrmField],
) -> list[Row]:
    """Make the rows: all fields of leads, the mapped ones first, and mapped custom fields that nobody declared."""
    known = {one.property: one for one in crm}
    declared = {one.name: one for one in fields}
    names = [*declared, *(name for name in mapping if name not in declared)]
    taken = set(mapping.values())
    free = {_key(one.label): one.property for one in crm if one.property not in taken} | {
        _key(one.property): one.property for one in crm if one.property not in taken
    }
    rows = [
        _row(name, declared.get(name), mapping.get(name, ""), rules.get(name), transforms.get(name, ()), known, free)
        for name in names
    ]
    return sorted(rows, key=lambda row: not row.property)


def _row(
    name: str,
    declared: DeclaredField | None,
    mapped: str,
    rule: EffectiveRule | None,
    steps: Sequence[Transform],
    known: Mapping[str, CrmField],
    free: Mapping[str, str],
) -> Row:
    transform, region, options = _shown(steps)
    said = (name.removeprefix("customFields."), declared.label if declared else "")
    suggested = "" if mapped else next((free[_key(one)] for one in said if _key(one) in free), "")
    return Row(
        name,
        declared.label if declared else "",
        declared.type if declared else "text",
        mapped,
        rule or EffectiveRule(),
        transform,
        region,
        options,
        suggested,
        tuple(_problems(mapped, rule, known)),
    )


def _problems(mapped: str, rule: EffectiveRule | None, known: Mapping[str, CrmField]) -> Iterable[str]:
    if mapped and mapped not in known:
        yield "The CRM has no such property any more. Nothing of it is synced, and nothing is cleared."
    elif mapped and known[mapped].read_only and (rule is None or rule.direction != "from_crm"):
        yield "The CRM lets nobody write this property: let it flow from the CRM only."


def _shown(steps: Sequence[Transform]) -> tuple[str, str, str]:
    if not steps:
        return "", "", ""
    if len(steps) > 1:
        return _KEEP, "", ""
    (step,) = steps
    options = "\n".join(f"{crm} = {value}" for crm, value in (step.options or {}).items())
    if _options_in(options) != (step.options or {}):  # such as an option with "=" in it
        return _KEEP, "", ""
    return step.kind, step.region or "", options


def settings_from(sent: Mapping[str, Sequence[str]], present: Mapping[str, Sequence[Transform]]) -> dict[str, Any]:
    """Read what was sent: mapping, rules and transforms as the API takes them. Raises Problem 400.

    Rows without a property are not mapped. Steps that the form does not show are those that are there.
    """
    names = sent.get("name", ())
    if len(names) > MOST_ROWS:
        raise invalid(Fault("fieldMapping", f"has at most {MOST_ROWS} fields here"))
    columns = {column: sent.get(column, ()) for column in COLUMNS}
    if any(len(values) != len(names) for values in columns.values()):
        raise invalid(Fault("fieldMapping", "the form is not whole: load the page again"))
    mapping, rules, transforms = dict[str, str](), dict[str, Any](), dict[str, Any]()
    for place, name in enumerate(names):
        row = {column: values[place].strip() for column, values in columns.items()}
        if not row["property"]:
            continue
        mapping[name] = row["property"]
        rules[name] = {"rule": row["rule"], "blank": row["blank"], "direction": row["direction"]}
        if row["transform"] == _KEEP:
            transforms[name] = present.get(name, ())
        elif row["transform"]:
            transforms[name] = [_step(name, row)]
    return {"fieldMapping": mapping, "fieldRules": rules, "fieldTransforms": transforms}


def _step(name: str, row: Mapping[str, str]) -> dict[str, Any]:
    step: dict[str, Any] = {"kind": row["transform"]}
    if row["transform"] == "phone_e164" and row["region"]:
        step["region"] = row["region"].upper()
    if row["transform"] == "options":
        options = _options_in(row["options"])
        if not options or not all(crm and value for crm, value in options.items()):
            raise invalid(
                Fault(f"fieldTransforms.{name}", "write one pair a line: the CRM's option = the lead's value")
            )
        step["options"] = options
    return step


def _options_in(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    return {crm.strip(): value.strip() for crm, _, value in pairs}


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
