"""How tests are shared out among the workers of pytest-xdist."""

from pathlib import PurePath
from typing import Any

from xdist.scheduler import LoadScopeScheduling

# Files of end-to-end tests whose tests start suites of their own, and files that share a suite under its name.
OWN_SUITES = {"test_large_runs", "test_restart"}
SHARED_SUITES = {
    "test_flood": "api",
    "test_integrations": "records",
    "test_grpc_clients": "records",
    "test_two_way": "records",
    "test_runs": "batches",
}


def suite_of(file: str) -> str:
    """Name of the suite that the end-to-end tests of a file share; the file is named without its suffix."""
    return SHARED_SUITES.get(file, file.removeprefix("test_"))


def unit_of(nodeid: str) -> str:
    """Name of the unit of tests that run on one worker: a file of cheap tests, a suite, else each test alone."""
    path = nodeid.partition("::")[0]
    if "/unit/" in path or "/fuzz/" in path:
        return path
    if "/e2e/" not in path:
        return nodeid
    file = PurePath(path).stem
    return f"e2e {nodeid if file in OWN_SUITES else suite_of(file)}"


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each worker one unit after another, in the order in which tests are collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _reschedule(self, node: Any) -> None:
        """Give a worker more once one test is left: it begins a test only when it knows the next one."""
        if self.workqueue and self._pending_of(self.assigned_work[node]) > 1:
            return
        super()._reschedule(node)
