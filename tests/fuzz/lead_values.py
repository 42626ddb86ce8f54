"""What lead-store reads: page tokens, and values that people enter."""

import json
from contextlib import suppress

from lead_store.domain.addresses import address_key, address_spellings, ascii_domain, is_address, kept_keys
from lead_store.domain.errors import Invalid
from lead_store.domain.given_values import taken_values
from lead_store.domain.keys import keys_of
from lead_store.domain.lead_fields import LeadField, TenantFields
from lead_store.domain.references import identities, lookup_references
from lead_store.domain.role_mailboxes import is_role_mailbox
from lead_store.domain.rules import Direction, MatchKey
from lead_store.domain.rules import Target as SyncTarget
from lead_store.domain.values import LONGEST_NUMBER, FieldType, NotOfType, canonical, normal_form, same
from lead_store.rpc.paging import decode_place, decode_token, encode_token

from fuzz.target import LARGEST, Target, chosen, lines, text_of

KINDS = list(FieldType)
TARGET = SyncTarget("i", "t", "hubspot", "1", Direction.BIDIRECTIONAL, match_keys=tuple(MatchKey), phone_region="CH")
FIELDS = TenantFields({
    f"custom_fields.{kind}": LeadField(f"custom_fields.{kind}", kind, kind) for kind in FieldType
})  # fmt: skip


def page_token(data: bytes) -> None:
    """A token is refused as such, or names a text and a place that a query takes; one of ours comes back."""
    text = text_of(data)
    for token in (text, encode_token(text, "tenant")):
        with suppress(Invalid):
            after = decode_token(token, "tenant")
            after.encode()
            decode_place(after)
    if len(token) <= 512:
        assert decode_token(token, "tenant") == text


def value(data: bytes) -> None:
    """A value has one canonical and one normal form, that of both is itself, and they are not much longer."""
    which, rest = chosen(data, len(KINDS))
    kind, text = KINDS[which], text_of(rest)
    normal = normal_form(kind, text)
    assert normal_form(kind, normal) == normal
    assert len(normal) <= 3 * len(text) + LONGEST_NUMBER
    with suppress(NotOfType):
        kept = canonical(kind, text)
        kept.encode()
        assert canonical(kind, kept) == kept
        assert same(kind, text, kept)


def person(data: bytes) -> None:
    """The keys of a person are found, the same ones from a key as from what it was made of, and few."""
    first, last, email, phone, website = map(text_of, lines(data, 5))
    values = {"first_name": first, "last_name": last, "email": email, "phone": phone, "website": website}
    key = address_key(email)
    assert address_key(key) == key
    spellings = address_spellings(email)
    assert len(spellings) <= 8
    assert {address_key(one) for one in spellings} <= {key}
    assert key in kept_keys([email]) or not key
    assert ascii_domain(ascii_domain(website)) == ascii_domain(website)
    is_address(email)
    is_role_mailbox(key)
    found = keys_of(values, "CH", [phone])
    assert keys_of(values | {"email": key}, "CH", [phone]) == found
    repr((identities(values, tuple(MatchKey)), lookup_references(values, TARGET))).encode()


def given(data: bytes) -> None:
    """Values that the platform gives are refused by name, or taken in a form that changes nothing when given again."""
    try:
        loose = json.loads(data)
    except (ValueError, RecursionError):
        return
    texts = {
        str(name): item.encode(errors="replace").decode()
        for name, item in (loose.items() if isinstance(loose, dict) else ())
        if isinstance(item, str)
    }
    with suppress(Invalid):
        taken = taken_values(texts, {}, FIELDS)
        assert taken_values(taken, {}, FIELDS) == {name: text for name, text in taken.items() if text}
        assert taken_values(taken, taken, FIELDS) == {}
        assert sum(map(len, taken.values())) <= 3 * LARGEST + LONGEST_NUMBER * len(taken)


TARGETS = (Target(page_token), Target(value), Target(person), Target(given, holds_json=True))
