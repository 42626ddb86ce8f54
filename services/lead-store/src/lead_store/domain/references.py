"""What leads are looked up by, and which keys of a person a commit has to own (R16).

A *reference* depends on the lead alone and on no integration's settings, so it can be stored with the lead. Leads and
records that share a key share a reference. Those that share a reference are then compared by their keys.
"""

from collections.abc import Collection, Iterable, Mapping

import phonenumbers

from lead_store.domain.addresses import address_keys
from lead_store.domain.ending import DUPLICATE
from lead_store.domain.keys import former_name_domain_key, name_domain_key, read_phone
from lead_store.domain.lead import Lead
from lead_store.domain.rules import MatchKey, Target

LONGEST_NUMBER = 250  # characters; phonenumbers reads no more
LAST_DIGITS = 6  # the same however much of country, area and prefixes a number is written with
OF_DUPLICATES = "duplicate"  # reference of all leads whose record is another lead's too: leads or records were merged


def references(values: Mapping[str, str], wanted: Collection[MatchKey] = tuple(MatchKey)) -> frozenset[str]:
    """What a lead is looked up by besides its e-mail. No country is known here, so of a phone the last digits count."""
    found = {}
    if MatchKey.PHONE in wanted:
        digits = _digits(values.get("phone", "")[:LONGEST_NUMBER])
        found[MatchKey.PHONE] = digits[-LAST_DIGITS:]
    if MatchKey.NAME_DOMAIN in wanted:
        found[MatchKey.NAME_DOMAIN] = name_domain_key(values)
    return frozenset(f"{key}:{value}" for key, value in found.items() if value)


def _digits(text: str) -> str:
    """The digits of a text, in ASCII."""
    return "".join(filter(str.isdigit, text)) if text.isascii() else phonenumbers.normalize_digits_only(text)


def lead_references(lead: Lead) -> list[str]:
    """Everything that a lead is looked up by, besides its e-mail and its records."""
    found = sorted(references(lead.values))
    is_double = lead.deleted_at is None or lead.merged_into  # the records of leads that were merged are still two
    if is_double and any(link.detached_reason == DUPLICATE for link in lead.links):
        found.append(OF_DUPLICATES)
    found += [
        reference_of_duplicate(link.integration_id, link.duplicate_of)
        for link in lead.links
        if link.duplicate_of and not link.attached
    ]
    return found


def reference_of_duplicate(integration_id: str, record_id: str) -> str:
    """Reference of leads whose record was merged into this one, which another lead kept (R15)."""
    return f"{OF_DUPLICATES}/{integration_id}/{record_id}"


def lookup_references(values: Mapping[str, str], target: Target) -> frozenset[str]:
    """The references of leads that may share a key other than the e-mail with a record."""
    wanted = target.match_keys
    found = references({name: value for name, value in values.items() if name != "phone"}, wanted)
    if MatchKey.NAME_DOMAIN in wanted and (former := former_name_domain_key(values)):
        found |= {f"{MatchKey.NAME_DOMAIN}:{former}"}
    number = read_phone(values.get("phone", ""), target.phone_region) if MatchKey.PHONE in wanted else None
    if number is None:
        return found
    # In small countries a number is shorter than the last digits, so it also counts which way it is written.
    at_home = phonenumbers.national_significant_number(number) + (number.extension or "")
    return found.union(*(references({"phone": one}, wanted) for one in (at_home, f"{number.country_code}{at_home}")))


def identities(values: Mapping[str, str], wanted: Collection[MatchKey]) -> frozenset[str]:
    """Keys of a lead by which no other commit may take the same person for a new one: e-mails, and those wanted."""
    return references(values, wanted).union(address_keys([values.get("email", "")]))


def record_identities(values: Mapping[str, str], other_emails: Iterable[str], target: Target) -> frozenset[str]:
    """The same of a record. A lead that may be its person has one of them."""
    return lookup_references(values, target).union(address_keys([values.get("email", ""), *other_emails]))


def new_identities(before: Mapping[str, str], after: Mapping[str, str], targets: Iterable[Target]) -> frozenset[str]:
    """The keys that a change of a lead brings, as far as one of its tenant's integrations matches by them."""
    wanted = {key for target in targets for key in target.match_keys}
    return identities(after, wanted) - identities(before, wanted)
