"""Which integrations a look for work asks.

Asking an integration costs a search, and most integrations have no work. So a process remembers where it found none,
and asks there again only

* when there are news: it was said, after a commit, that work of the integration came to be due, or will;
* when the first work that was not ready yet has become ready;
* when its turn has come, which is once in each round.

News are a hint, and the database is the truth. If news are lost, such as with a process that dies between its commit
and its news, the work waits for the turn of its integration: for a round at most. A search sees ahead for as long as a
round. So whatever was there at the last turn, such as the end of a lease, is known before it is ready.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zlib import crc32


class News(NamedTuple):
    """How often it was said that work of an integration came to be due, as read before it is asked."""

    noted: int  # in the database, by any process
    own: int  # in this process, which may not have noted it yet


@dataclass(frozen=True, slots=True)
class Idle:
    """An integration in which a search found nothing that is ready."""

    news: News
    ready_at: datetime | None  # when the first work that it found will be ready; None = not within a round
    asked_at: float  # seconds of a clock that nobody sets


def must_ask(name: str, idle: Idle | None, news: News, now: datetime, seconds: float, every: float) -> bool:
    """Whether an integration is asked: at this time of the database, and of the clock that nobody sets.

    `every` = the seconds of a round. None = nothing is known of the integration, or work was found there.
    """
    if idle is None or idle.news != news:
        return True
    is_ready = idle.ready_at is not None and idle.ready_at <= now
    return is_ready or _turn(name, idle.asked_at, every) != _turn(name, seconds, every)


def _turn(name: str, seconds: float, every: float) -> int:
    """The number of a turn. Integrations have their turns at different times of a round, spread by their names."""
    return int(seconds / every + crc32(name.encode()) / 2**32)
