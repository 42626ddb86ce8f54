"""E-mail addresses: when two texts are one address.

The domain is compared by IDNA 2008, and the local part in simple lower case. Case folding is not used: it makes ß and
ss equal, and with them the addresses of two people.
"""

import unicodedata
from collections.abc import Iterable

import idna

LONGEST_ADDRESS = 320  # characters: 64 before the @, 255 after it
LONGEST_DOMAIN = 255  # characters; to bring longer ones in a form of Unicode or ASCII can take minutes
_ENCODED = "xn--"  # begins a label that is written in ASCII instead of its own letters


def address_key(text: str) -> str:
    """One form for all spellings of an address. A text that is no address is put in lower case.

    Spellings differ by letter case, outer space and composed letters, and by labels of the domain that are written in
    ASCII. A label that IDNA 2008 does not allow stays as it is, so it equals only itself.
    """
    text = lower(text.strip())
    if (text.isascii() and _ENCODED not in text) or len(text) > LONGEST_ADDRESS or "@" not in text:
        return text
    local, at, domain = unicodedata.normalize("NFC", text).rpartition("@")
    return f"{local}{at}{'.'.join(map(_with_its_letters, domain.split('.')))}"


def address_keys(addresses: Iterable[str]) -> tuple[str, ...]:
    """The keys of addresses, sorted."""
    return tuple(sorted({address_key(address) for address in addresses} - {""}))


def address_spellings(text: str) -> tuple[str, ...]:
    """All spellings in lower case that have the key of an address, the key first: a CRM is asked for each of them."""
    key = address_key(text)
    if key.isascii() or "@" not in key or len(key) > LONGEST_ADDRESS:
        return (key,) if key else ()
    local, at, domain = key.rpartition("@")
    written = {key, lower(text.strip())}
    for form in ("NFC", "NFD"):
        for host in filter(None, (domain, unicodedata.normalize("NFD", domain), ascii_domain(domain))):
            written.add(f"{unicodedata.normalize(form, local)}{at}{host}")
    return key, *sorted(written - {key})


def is_address(text: str) -> bool:
    """Whether a text has the form of an address: anything, an @ and a domain with a dot, without spaces.

    Each CRM has rules of its own, and people have addresses that break every standard. So a CRM has the last word.
    """
    local, _, domain = text.rpartition("@")
    labels = domain.split(".")
    return bool(local) and len(labels) > 1 and all(labels) and text.isprintable() and " " not in text


def former_keys(address: str) -> frozenset[str]:
    """The keys that earlier versions kept an address under. They folded case, so two addresses may have one of them."""
    key = address_key(address)
    local, at, domain = key.rpartition("@")
    domain = unicodedata.normalize("NFKC", domain) if len(domain) <= LONGEST_DOMAIN else domain
    folded = f"{local.casefold()}{at}{domain.casefold()}"
    return frozenset({folded, lower(address.strip()), address.strip().casefold()} - {"", key})


def kept_keys(addresses: Iterable[str]) -> frozenset[str]:
    """All keys that addresses may have been kept under. Who is found by a former key has to be compared by the key."""
    return frozenset({kept for one in addresses for kept in (address_key(one), *former_keys(one))} - {""})


def ascii_domain(domain: str) -> str:
    """A domain in ASCII; empty if it is too long, or if IDNA 2008 does not allow one of its letters."""
    if len(domain) > LONGEST_DOMAIN:
        return ""
    domain = lower(domain)
    try:
        return domain if domain.isascii() else ".".join(map(_in_ascii, domain.split(".")))
    except UnicodeError:
        return ""


def lower(text: str) -> str:
    """The text with each letter in lower case by itself, whichever letters stand beside it, unless it is very long."""
    return text.lower() if text.isascii() or len(text) > LONGEST_ADDRESS else "".join(map(str.lower, text))


def _with_its_letters(label: str) -> str:
    if label.isascii() and not label.startswith(_ENCODED):
        return label
    try:
        return lower(idna.ulabel(label))  # Cherokee is encoded in upper case
    except UnicodeError:
        return label


def _in_ascii(label: str) -> str:
    return label if label.isascii() else idna.alabel(unicodedata.normalize("NFC", label)).decode()
