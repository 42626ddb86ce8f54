"""Texts that make slow code slow, and what counts as slow: a ratio of processor times, on any machine."""

import gc
import time
from collections.abc import Callable
from functools import cache
from itertools import product

SIZE = 65_536  # characters
# A quadratic pass over SIZE characters takes thousands of times as long as a plain loop. A linear one takes a few times
# as long, and some code passes over a text ten times.
MOST_LOOPS = 60
TRIES = 5

_CHARACTERS = "1aZ .-+/:@;,%_[](\\\"'#?&=<>\t\n\u00a0\u00dfİ"
_STARTS = ("", "http://", "x@", '"attemptNumber"', "1e", "2026-11-29T15:04")
_END = "\0"  # which no pattern asks for
# Two marks above and below a letter, which Unicode wants in the other order: sorting them is quadratic.
MARKS = "a" + "\u0301\u0327" * (SIZE // 2)
IDEOGRAPHS = "".join(chr(0x4E00 + number % 20_000) for number in range(SIZE))
CHOICES = "".join(f"{number:x};" for number in range(SIZE // 4))


@cache
def hostile_texts(starts: tuple[str, ...] = _STARTS) -> tuple[str, ...]:
    """Texts of SIZE characters: one or two characters over and over, after what a pattern may ask for."""
    parts = (*_CHARACTERS, "a.", "1.", " 1", '\\"', "%3", "a@", "_a", "lead.")
    repeated = (start + (part * SIZE)[: SIZE - len(start) - 1] + _END for part, start in product(parts, starts))
    return (*repeated, MARKS[:SIZE], IDEOGRAPHS, CHOICES[:SIZE])


def is_slow(work: Callable[[], object]) -> bool:
    """Whether some work takes the processor more than MOST_LOOPS plain loops over SIZE characters, in each of TRIES."""
    if processor_seconds(work) <= _ONE_LOOP:
        return False
    return all(processor_seconds(work) > MOST_LOOPS * processor_seconds(_plain_loop) for _ in range(TRIES))


def _plain_loop() -> None:
    for character in IDEOGRAPHS:
        ord(character)


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread alone, so that other processes, other threads and old garbage do not count."""
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        if collects:
            gc.enable()


_ONE_LOOP = processor_seconds(_plain_loop)  # saves the comparison for most work, which takes less
