"""The address of MongoDB, completed with a password that is kept elsewhere."""

import re
from urllib.parse import quote_plus

_OF_USER = re.compile(r"(mongodb(?:\+srv)?://[^@/:]+)(@.*)")


def with_password(url: str, password: str) -> str:
    """Return the address with this password for its user; no password leaves it as it is. Raises ValueError."""
    if not password:
        return url
    found = _OF_USER.fullmatch(url)
    if found is None:
        raise ValueError(
            "needs a MONGO_URL that names a user without a password, e.g. mongodb://lead-store@mongo:27017/"
        )
    return f"{found[1]}:{quote_plus(password)}{found[2]}"
