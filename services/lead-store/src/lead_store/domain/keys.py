"""The keys by which a lead and a record are the same person: e-mail, phone, name with domain.

Each is brought into one form by a library made for it. An empty key matches nothing. `references` says how leads are
looked up by their keys.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from urllib.parse import urlsplit

import phonenumbers
from publicsuffixlist import PublicSuffixList

from lead_store.domain.addresses import LONGEST_DOMAIN, address_key, address_keys, ascii_domain
from lead_store.domain.role_mailboxes import is_role_mailbox
from lead_store.domain.rules import MatchKey

LONGEST_NAME = 1_000  # characters; longer texts name nobody, and Unicode's forms of them can take seconds
LONGEST_SITE = 2_048  # characters that browsers take, for the same reason
# Domains that anybody can have an address of, by their first label in any country, or whole. Mailboxes, not CRMs.
FREE_BRANDS = frozenset({"aol", "gmail", "gmx", "googlemail", "hotmail", "live", "msn", "outlook", "yahoo", "yandex"})
FREE_DOMAINS = frozenset({
    "126.com", "163.com", "bluewin.ch", "comcast.net", "fastmail.com", "free.fr", "freenet.de", "hey.com", "icloud.com",
    "laposte.net", "libero.it", "mac.com", "mail.com", "mail.ru", "me.com", "naver.com", "orange.fr", "pm.me",
    "proton.me", "protonmail.com", "qq.com", "rediffmail.com", "rocketmail.com", "t-online.de", "tutanota.com",
    "verizon.net", "wanadoo.fr", "web.de", "ymail.com", "zoho.com",
    # where people have pages rather than mailboxes
    "facebook.com", "github.com", "google.com", "instagram.com", "linkedin.com", "twitter.com", "x.com", "xing.com",
    "youtube.com",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a lead or of a record."""

    emails: frozenset[str]
    phone: str
    name_domain: str
    name: str = ""  # first and last name; empty without one of them

    def shared_with(self, other: "Keys", wanted: Collection[MatchKey]) -> tuple[MatchKey, ...]:
        """Those of the wanted keys that both have. Two that both have e-mails, but none in common, share nothing."""
        both = self.emails & other.emails
        if self.emails and other.emails and not both:
            return ()
        found = {
            MatchKey.EMAIL: bool(both),
            MatchKey.PHONE: self.phone == other.phone != "",
            MatchKey.NAME_DOMAIN: self.name_domain == other.name_domain != "",
        }
        return tuple(key for key in MatchKey if key in wanted and found[key])

    def only_share_a_role(self, other: "Keys", wanted: Collection[MatchKey]) -> bool:
        """Whether all that both have in common is a mailbox such as info@, which does not name one person.

        Of the other keys those count that are wanted; the same name counts always.
        """
        shared = self.shared_with(other, {MatchKey.EMAIL, *wanted})
        by_name = self.name == other.name != ""
        return shared == (MatchKey.EMAIL,) and not by_name and all(map(is_role_mailbox, self.emails & other.emails))


def keys_of(values: Mapping[str, str], region: str, other_emails: Iterable[str] = ()) -> Keys:
    """The keys of a lead's or a record's values; `region` is the country of phone numbers that name none."""
    emails = address_keys([values.get("email", ""), *other_emails])
    phone = phone_key(values.get("phone", ""), region)
    return Keys(frozenset(emails), phone, name_domain_key(values), _full_name(values))


def phone_key(number: str, region: str) -> str:
    """A valid number as E.164, with its extension; empty of any other."""
    parsed = read_phone(number, region)
    if parsed is None:
        return ""
    extension = f";ext={parsed.extension}" if parsed.extension else ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) + extension


def name_domain_key(values: Mapping[str, str], in_ascii: Callable[[str], str] = ascii_domain) -> str:
    """First name, last name and the registrable domain of the web site, else of the e-mail; empty without all three."""
    if not (name := _full_name(values)):
        return ""
    domain = _registrable(in_ascii(_host(values.get("website", ""))))
    domain = domain or _registrable(in_ascii(address_key(values.get("email", "")).rpartition("@")[2]))
    return f"{name}|{domain}" if domain else ""


def former_name_domain_key(values: Mapping[str, str]) -> str:
    """The same key as earlier versions kept it, by IDNA 2003. It may be that of two people."""
    return name_domain_key(values, _former_ascii_domain)


def read_phone(number: str, region: str) -> phonenumbers.PhoneNumber | None:
    """A valid number in its parts; None of any other. `region` is ISO 3166-1 alpha-2 or empty."""
    try:
        parsed = phonenumbers.parse(number, region or None)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else None


def _full_name(values: Mapping[str, str]) -> str:
    first, last = (_name(values.get(field, "")) for field in ("first_name", "last_name"))
    return f"{first}|{last}" if first and last else ""


def _name(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split()) if len(value) <= LONGEST_NAME else ""


def _host(website: str) -> str:
    if len(website) > LONGEST_SITE:
        return ""
    try:
        return urlsplit(website if "//" in website else f"//{website}").hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=4_096)  # many people share a domain
def _registrable(ascii_host: str) -> str:
    """The domain that somebody registered, e.g. `example.co.uk`; empty if there is none, or if anybody can have it."""
    domain = _suffixes().privatesuffix(ascii_host.strip(".")) or ""
    free = domain in FREE_DOMAINS or domain.partition(".")[0] in FREE_BRANDS
    return "" if free else domain


def _former_ascii_domain(domain: str) -> str:
    try:
        fits = len(domain) <= LONGEST_DOMAIN
        return (domain if domain.isascii() else domain.encode("idna").decode()) if fits else ""
    except UnicodeError:
        return ""


@cache
def _suffixes() -> PublicSuffixList:
    """The list that comes with the library. A domain under an unknown suffix does not count."""
    return PublicSuffixList(accept_unknown=False)
