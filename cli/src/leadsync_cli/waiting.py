"""Waits until something is true in another process, by asking repeatedly."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PAUSE_SECONDS = 0.05


def wait_for(condition: Callable[[], Found], within: float) -> tuple[Found, float]:
    """Ask until the answer is truthy or `within` seconds are over; return the last answer and the seconds it took.

    Asks at least once, and once more after the time is over, so that a slow machine does not count as a wrong answer.
    """
    began = time.monotonic()
    while True:
        over = time.monotonic() - began >= within
        answer = condition()
        if answer or over:
            return answer, time.monotonic() - began
        time.sleep(PAUSE_SECONDS)
