"""Reads variables of the environment, which it gets as a mapping, and collects all faults."""

import re
from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_address
from typing import TypeVar, cast
from urllib.parse import urlsplit

from crm_connector.secret_files import find_secret

_T = TypeVar("_T")
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
_ADDRESS = re.compile(rf"({_HOST}):([0-9]{{1,5}})|unix:.+")
# Narrow, because readers of addresses disagree about the rest: `http://a\@b` calls a for some and b for others.
_URL = re.compile(rf"(?i:https?)://({_HOST})(:[0-9]{{1,5}})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")


class SettingsError(Exception):
    """All faults of a configuration, in plain words."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Reader:
    """Reads variables one by one and collects the `faults`. A variable that is set to nothing counts as not set."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.faults: list[str] = []

    def value(self, name: str, default: str, parse: Callable[[str], _T]) -> _T:
        """Read one variable. `parse` raises a ValueError that says what the value has to be."""
        return self._parsed(name, lambda: parse(self._environment.get(name, "").strip() or default))

    def secret(self, name: str, parse: Callable[[str], _T]) -> _T:
        """Read a secret, which may lie in a file instead; `parse` gets an empty text if it is not given."""
        return self._parsed(name, lambda: parse(find_secret(self._environment, name)))

    def _parsed(self, name: str, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except ValueError as error:
            self.faults.append(f"{name} {error}")
            return cast("_T", None)  # nobody sees it: `check` raises

    def check(self) -> None:
        """Raise SettingsError if anything was wrong."""
        if self.faults:
            raise SettingsError(self.faults)


def http_url(text: str) -> str:
    """Check an http(s) address; it ends without a slash."""
    if _URL.fullmatch(text) is None or not _is_port(urlsplit(text).netloc.rpartition("]")[2].partition(":")[2]):
        raise ValueError("must be an http(s) address with neither user nor query, such as https://leads.example.com")
    return text.rstrip("/")


def address(text: str) -> str:
    """Check `host:port`, the address of a service."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not _is_port(found[2] or ""):
        raise ValueError("must be host:port, such as 127.0.0.1:50051")
    return text


def _is_port(text: str) -> bool:
    return not text or int(text) <= 65_535


def crm_url(trusted: Collection[str]) -> Callable[[str], str]:
    """Make a check of a CRM's address: credentials travel in clear only to this machine and to trusted hosts."""

    def parse(text: str) -> str:
        url = http_url(text)
        parts = urlsplit(url)
        if parts.scheme == "http" and not _is_loopback(parts.hostname or "") and parts.hostname not in trusted:
            raise ValueError(
                "must begin with https://: over http, access tokens could be read on the way. Only this machine and "
                "the hosts in LEADSYNC_TRUSTED_HTTP_HOSTS, separated by commas, may be called over http"
            )
        return url

    return parse


def hosts(text: str) -> frozenset[str]:
    """Read a list of host names, separated by commas."""
    found = frozenset(item.strip().lower() for item in text.split(",") if item.strip())
    if any(set(host) & set("/:@*") for host in found):
        raise ValueError("must be names of hosts, without scheme and port, separated by commas")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def number(least: float, most: float, what: str = "a number of seconds") -> Callable[[str], float]:
    """Make a parser of numbers within these limits."""

    def parse(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise ValueError(f"must be {what} from {least:g} to {most:g}")
        return found

    return parse
