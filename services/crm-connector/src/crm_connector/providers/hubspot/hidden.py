"""Properties that the token may not see, such as those of sensitive data: HubSpot refuses each call that names one.

So one mapped property would stop its account. HubSpot's list of properties has only those that may be seen.
"""

import time
from collections.abc import Callable, Iterable

# A scope may be granted to the same token. Then a call names the property again, and may be refused once.
_LOOK_AGAIN_SECONDS = 3_600.0


class HiddenProperties:
    """What is known of the hidden properties of one token; shared by threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._found = frozenset[str](), 0.0

    @property
    def names(self) -> frozenset[str]:
        """Names that calls leave out."""
        names, until = self._found
        return names if self._monotonic() < until else frozenset()

    def look(self, asked: Iterable[str], visible: Iterable[str]) -> bool:
        """Note which of the names that were asked for are hidden. False = that was known already, or none is."""
        hidden = frozenset(asked) - frozenset(visible)
        news = not hidden <= self.names
        if news:
            self._found = hidden, self._monotonic() + _LOOK_AGAIN_SECONDS
        return news
