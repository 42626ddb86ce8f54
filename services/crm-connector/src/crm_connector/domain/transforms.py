"""How a value gets from the CRM's spelling to the platform's and back. Pure; a blank stays a blank.

Nothing is lost on the way: what a step cannot read stays as it is. A value that came from the CRM, goes there and comes
back is the same again. Of one that came from a person that holds from its second reading on, and until then the base
knows both spellings, so that neither is taken for a change.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

import phonenumbers

from crm_connector.domain.errors import InvalidError
from crm_connector.domain.values import BETWEEN_CHOICES

MAX_STEPS, MAX_OPTIONS = 5, 1_000
MAX_TABLES = 1_000_000  # characters of all tables of an integration together
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
_DIALLED = re.compile(r"[+0-9 ().\-/\u00a0]+")
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}.*)?", re.ASCII)
_MILLISECONDS = re.compile(r"-?\d{1,15}", re.ASCII)
_DAY_MS = 86_400_000


class TransformKind(Enum):
    """What a step does."""

    TRIM = "trim"
    LOWER = "lower"
    UPPER = "upper"
    PHONE_E164 = "phone_e164"
    OPTIONS = "options"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Transform:
    """One step. `region` is the country of phone numbers that name none, `options` are (CRM's, platform's)."""

    kind: TransformKind
    region: str = ""
    options: tuple[tuple[str, str], ...] = ()


def to_platform(steps: Sequence[Transform], value: str) -> str:
    """Turn the CRM's spelling into the platform's."""
    for step in steps:
        value = _step(step, value, backwards=False)
    return value


def to_crm(steps: Sequence[Transform], value: str) -> str:
    """Turn the platform's spelling into the CRM's: the same steps, from the last to the first."""
    for step in reversed(steps):
        value = _step(step, value, backwards=True)
    return value


def check_steps(path: str, steps: Sequence[Transform], longest_option: int) -> None:
    """Check the steps that a person gave for one field. An option has at most `longest_option` characters.

    Raises:
        InvalidError: `invalid_field_transforms` with the path of the step that cannot be right.

    """
    if not 1 <= len(steps) <= MAX_STEPS:
        raise _invalid(path, f"Give 1 to {MAX_STEPS} steps, or leave the field out.")
    for number, step in enumerate(steps):
        is_table, is_phone = step.kind is TransformKind.OPTIONS, step.kind is TransformKind.PHONE_E164
        if step.region and not (is_phone and step.region in REGIONS):
            message = "Name the country of the step `phone_e164` by its two letters, such as CH; no other step has one."
            raise _invalid(f"{path}[{number}].region", message)
        if is_table is not bool(step.options):
            raise _invalid(f"{path}[{number}].options", "The step `options` needs a table, and no other step has one.")
        if is_table and number + 1 < len(steps):
            raise _invalid(f"{path}[{number}]", "Put `options` last: its table holds the words that the platform gets.")
        if fault := _table_fault(step.options, steps[:number], longest_option):
            raise _invalid(f"{path}[{number}].options", fault)


def _table_fault(options: Sequence[tuple[str, str]], before: Sequence[Transform], longest: int) -> str:
    """Say why a table cannot be read backwards, or never applies after the steps before it; empty if all is well."""
    if len(options) > MAX_OPTIONS:
        return f"A table has {MAX_OPTIONS:,} options at most."
    words = [word for pair in options for word in pair]
    if any(not word.strip() or len(word) > longest or BETWEEN_CHOICES in word for word in words):
        return f"An option and its word have 1 to {longest:,} characters and no `{BETWEEN_CHOICES}`."
    for side in zip(*options, strict=True):
        if len(set(side)) < len(side):
            repeated = next(word for word in side if side.count(word) > 1)
            return f"`{repeated[:80]}` is there twice, so that there is no way back. Give each option its own word."
    for crm, _ in options:
        if (found := to_platform(before, crm)) != crm:
            return f"The steps before the table make `{found[:80]}` of `{crm[:80]}`. Name the option so."
    return ""


def _step(step: Transform, value: str, *, backwards: bool) -> str:
    if step.kind is TransformKind.OPTIONS:
        return _by_table({word: crm for crm, word in step.options} if backwards else dict(step.options), value)
    if step.kind is TransformKind.PHONE_E164:
        return _e164(value, step.region)
    return _PLAIN[step.kind](value)


def _by_table(table: dict[str, str], value: str) -> str:
    """Look up a value, or each choice of several."""
    return BETWEEN_CHOICES.join(table.get(choice, choice) for choice in value.split(BETWEEN_CHOICES))


def _e164(value: str, region: str) -> str:
    """Write a valid number as E.164; words and extensions, which that has no room for, are left alone."""
    if not _DIALLED.fullmatch(value):
        return value
    try:
        number = phonenumbers.parse(value, region or None)
    except phonenumbers.NumberParseException:
        return value
    if not phonenumbers.is_valid_number(number) or number.extension:
        return value
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _date(value: str) -> str:
    """Write a date, the day of a time, or midnight UTC in milliseconds as `YYYY-MM-DD`."""
    try:
        if found := _DAY.fullmatch(value):
            return date.fromisoformat(found[1]).isoformat()
        if _MILLISECONDS.fullmatch(value) and int(value) % _DAY_MS == 0:
            return (date(1970, 1, 1) + timedelta(days=int(value) // _DAY_MS)).isoformat()
    except (ValueError, OverflowError):
        pass
    return value


_PLAIN: dict[TransformKind, Callable[[str], str]] = {
    TransformKind.TRIM: lambda value: " ".join(value.split()),
    TransformKind.LOWER: str.lower,
    TransformKind.UPPER: str.upper,
    TransformKind.DATE: _date,
}


def _invalid(path: str, message: str) -> InvalidError:
    return InvalidError("invalid_field_transforms", message, field=path)
