"""How large the tests are."""

import os

# LEADSYNC_TEST_FULL=1: imports of thousands, and searches that take minutes. Without it tests assert the same of less.
FULL = os.environ.get("LEADSYNC_TEST_FULL", "") not in {"", "0"}
