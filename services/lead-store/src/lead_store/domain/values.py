"""The types of lead fields: how a value is written, and when two texts are the same value (R10).

Numbers, booleans, dates, times and choices have one canonical form. Texts, e-mail addresses, phone numbers and URLs may
be any text and keep their spelling; an address loses its outer space. They are compared by their normal form. A text
that is not of its type is never changed: it equals only itself, apart from outer space. Every function is linear in the
length of its text.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from lead_store.domain.addresses import address_key

BETWEEN_CHOICES = ";"
MOST_CHOICES = 1_000
LONGEST_NUMBER = 400  # characters: every double of IEEE 754 fits when it is written without an exponent
LONGEST_PHONE = 200  # characters

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})", re.ASCII)
_MILLISECONDS = re.compile(r"-?\d{1,15}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_IN_MILLISECONDS = 86_400_000
_PHONE_CHARACTERS = re.compile(r"\+?[0-9 ().\-/\u00a0]*")
_NOT_DIALLED = re.compile(r"[^0-9+]")
_SITE = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,30}://)?([^/?#]{1,500})(?=[/?#]|\Z)")
_HOST = re.compile(r"[\w\-]+(?:\.[\w\-]+)+(?::\d{1,5})?")


class FieldType(StrEnum):
    """Type of a lead field."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"

    @property
    def has_options(self) -> bool:
        """Whether a field of this type may list the values that it takes."""
        return self in {FieldType.CHOICE, FieldType.MULTI_CHOICE}


class NotOfType(ValueError):  # noqa: N818 - it says what the text is not
    """A text is not of its type. `reason` is stable, `detail` is for people; neither holds the text."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def canonical(kind: FieldType, text: str, options: Collection[str] = ()) -> str:
    """The form in which a value is kept and sent; empty for a blank.

    Text, phone and URL stay as they are, an e-mail loses its outer space. Without `options` a choice may be anything.

    Raises:
        NotOfType: `not_a_number`, `number_too_long`, `not_a_boolean`, `not_a_date`, `not_a_datetime`, `not_an_option`
            or `too_many_choices`.

    """
    read = _READ.get(kind)
    if read is None:
        return text.strip() if kind is FieldType.EMAIL else text
    text = text.strip()
    value = read(text) if text else ""
    if options and kind.has_options and value and not _choices(kind, value) <= set(options):
        raise NotOfType("not_an_option", "is none of the field's options")
    return value


def normal_form(kind: FieldType, text: str) -> str:
    """The form in which two spellings of one value are equal (R10). A text that is not of the type stays as it is."""
    text = text.strip()
    if kind in _READ:
        try:
            return canonical(kind, text)
        except NotOfType:
            return text
    spell = _SPELL.get(kind)
    return spell(text) if spell else text


def same(kind: FieldType, one: str, other: str) -> bool:
    """Whether two texts are the same value of a type."""
    return one == other or normal_form(kind, one) == normal_form(kind, other)


def _choices(kind: FieldType, value: str) -> set[str]:
    return set(value.split(BETWEEN_CHOICES)) if kind is FieldType.MULTI_CHOICE else {value}


def _number(text: str) -> str:
    """Without exponent, leading plus and trailing zeros. Exact: it never passes through a float."""
    if len(text) > LONGEST_NUMBER:
        raise NotOfType("number_too_long", f"is longer than {LONGEST_NUMBER} characters")
    if not _NUMBER.fullmatch(text):
        raise NotOfType("not_a_number", "is no number; write it like 12.5")
    number = Decimal(text)
    digits = format(number, "f") if number else "0"  # -0 is 0
    if "." in digits:
        digits = digits.rstrip("0").removesuffix(".")
    if len(digits) > LONGEST_NUMBER:
        raise NotOfType("number_too_long", f"is longer than {LONGEST_NUMBER} characters without its exponent")
    return digits


def _boolean(text: str) -> str:
    value = text[:6].lower()
    if value not in {"true", "false"}:
        raise NotOfType("not_a_boolean", "is neither true nor false")
    return value


def _date(text: str) -> str:
    """A day, midnight UTC in milliseconds, or the UTC day of a time."""
    moment = _moment(text)
    if moment is None or (_MILLISECONDS.fullmatch(text) and int(text) % _DAY_IN_MILLISECONDS):
        raise NotOfType("not_a_date", "is no day; write it like 2026-11-29")
    return moment.date().isoformat()


def _datetime(text: str) -> str:
    """UTC with milliseconds, further digits are cut off. A day is its midnight in UTC."""
    moment = _moment(text)
    if moment is None:
        raise NotOfType("not_a_datetime", "is no time with an offset; write it like 2026-11-29T15:04:05Z")
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _moment(text: str) -> datetime | None:
    """Read a time with its offset, milliseconds since 1970 or a day; None if there is no such time."""
    try:
        if found := _TIME.fullmatch(text):
            time, fraction, offset = found.groups("")
            return datetime.fromisoformat(f"{time}.{fraction[:3]:0<3}{offset}").astimezone(UTC)
        if _MILLISECONDS.fullmatch(text):
            return _EPOCH + timedelta(milliseconds=int(text))
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), _EPOCH.timetz())
    except (ValueError, OverflowError):
        pass
    return None


def _multi_choice(text: str) -> str:
    if text.count(BETWEEN_CHOICES) > MOST_CHOICES:
        raise NotOfType("too_many_choices", f"holds more than {MOST_CHOICES:,} choices")
    choices = {part.strip() for part in text.split(BETWEEN_CHOICES)} - {""}
    return BETWEEN_CHOICES.join(sorted(choices))


def _phone(text: str) -> str:
    """The digits of a number; what holds words is left alone, since "123 ext. 4" is not 1234."""
    if len(text) > LONGEST_PHONE or not _PHONE_CHARACTERS.fullmatch(text):
        return text
    digits = _NOT_DIALLED.sub("", text)
    number = digits.removeprefix("+")
    while number.startswith("00"):  # no country's code begins with a zero
        number = number[2:]
    if not number:
        return text
    return digits if number == digits else f"+{number}"


def _url(text: str) -> str:
    """Scheme and host in lower case, without the slash of an empty path. A text that names no host stays as it is."""
    found = _SITE.match(text)
    if found is None or not (found[1] or _HOST.fullmatch(found[2])):
        return text
    user, at, host = found[2].rpartition("@")  # a user's name keeps its letter case
    rest = text[found.end() :]
    if rest.startswith("/") and rest[1:2] in {"", "?", "#"}:
        rest = rest[1:]
    return f"{(found[1] or '').lower()}{user}{at}{host.lower()}{rest}".rstrip()


_READ: Mapping[FieldType, Callable[[str], str]] = {
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.CHOICE: str,
    FieldType.MULTI_CHOICE: _multi_choice,
}
_SPELL: Mapping[FieldType, Callable[[str], str]] = {
    FieldType.EMAIL: address_key,
    FieldType.PHONE: _phone,
    FieldType.URL: _url,
}
