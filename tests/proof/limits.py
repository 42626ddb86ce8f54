"""How far the proof goes, as the environment says. Each search tells the same story for the same limits.

LEADSYNC_TEST_FULL=1    the larger searches too; they take minutes of processor time
LEADSYNC_PROVE=1        as far as is useful at night
LEADSYNC_PROVE_SECONDS  with it: stop after so many seconds. What is cut off has not failed
LEADSYNC_PROVE_SEED     with it: which histories are drawn
"""

import math
import os
import time

import sizes

PROVE = os.environ.get("LEADSYNC_PROVE", "") not in {"", "0"}
FULL = PROVE or sizes.FULL
SECONDS = float(os.environ.get("LEADSYNC_PROVE_SECONDS") or 0) if PROVE else 0.0  # 0 = to the end
SEED = int(os.environ.get("LEADSYNC_PROVE_SEED") or 0) if PROVE else 0
UNTIL = time.monotonic() + SECONDS if SECONDS else math.inf  # on the monotonic clock
TIMEOUT = 6 * 3600 if PROVE else 600  # seconds, of one test


def time_is_left() -> bool:
    """Whether a further search may begin."""
    return time.monotonic() < UNTIL
