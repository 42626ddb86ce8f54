"""Reading variables of the environment, and gathering everything that is wrong with them."""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from webhook_gateway.secret_files import find_secret

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})
_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+"
_ADDRESS = re.compile(rf"({_HOST}):([0-9]{{1,5}})|unix:.+")
# Narrow, because readers of addresses disagree about the rest: `http://a\@b` calls a for some and b for others.
_URL = re.compile(rf"(?i:https?)://({_HOST})(:[0-9]{{1,5}})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?")

T = TypeVar("T")


class Environment:
    """Variables by name. What is wrong with those that were read is in `faults`, one line each, without any value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.faults: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Read a text; one that is blank counts as absent."""
        return self._variables.get(name, "").strip() or default

    def checked(self, name: str, default: str, check: Callable[[str], T]) -> T:
        """Read what `check` makes of a text. A ValueError of it is kept as a fault; its message is shown to people."""
        return self._noted(name, lambda: check(self.text(name, default)))

    def secret(self, name: str, check: Callable[[str], T]) -> T:
        """Read what `check` makes of a secret, which may lie in a file instead; of an empty text if it is absent."""
        return self._noted(name, lambda: check(find_secret(self._variables, name)))

    def has_secret(self, name: str) -> bool:
        """Whether a secret is given, as a variable or as a file."""
        return bool(self.text(name) or self.text(f"{name}_FILE"))

    def port(self, name: str, default: int) -> int:
        """Read a port number."""
        return self.checked(name, str(default), _port)

    def flag(self, name: str) -> bool:
        """Read a switch, which is off by default."""
        return self.checked(name, "0", _flag)

    def number(self, name: str, default: int, most: int) -> int:
        """Read a whole number from 1 to `most`."""
        return self.checked(name, str(default), lambda text: _number(text, most))

    def address(self, name: str, port_name: str, port: int, check: Callable[[str], str]) -> str:
        """Read the address of a service; by default it is on this machine, and `port_name` has its port."""
        return self.checked(name, f"127.0.0.1:{self.port(port_name, port)}", check)

    def _noted(self, name: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except ValueError as error:
            self.faults.append(f"{name}: {error}")
            # The value is never used: an environment with faults makes no settings.
            return None  # type: ignore[return-value]


def address(text: str) -> str:
    """Check `host:port`. Raises ValueError."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not _is_port(found[2] or ""):
        raise ValueError("must be host:port, such as 127.0.0.1:50051")
    return text


def http_url(text: str) -> str:
    """Check an http(s) address; it ends without a slash. Raises ValueError."""
    if _URL.fullmatch(text) is None or not _is_port(urlsplit(text).netloc.rpartition("]")[2].partition(":")[2]):
        raise ValueError("must be an http(s) address with neither user nor query, such as https://leads.example.com")
    return text.rstrip("/")


def _is_port(text: str) -> bool:
    return not text or int(text) <= 65535


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError("must be a port number, 0 to 65535")
    return int(text)


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ValueError(f"must be a whole number from 1 to {most}")
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("must be 1 or 0")
    return text.lower() in _TRUE
