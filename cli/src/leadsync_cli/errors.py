"""Errors of commands, and the exit codes by which scripts know the kind of error."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes; `leadsync --help` lists them."""

    DONE = 0
    FAILED = 1  # a check failed, a run did not succeed, or the suite could not start
    USAGE = 2  # wrong options or a faulty configuration (click uses 2 as well)
    UNREACHABLE = 3  # no answer, or the gateway cannot serve now: try again
    REFUSED = 4  # not signed in, or not allowed
    NOT_FOUND = 5
    CONFLICT = 6  # the present state forbids it: stale etag, account already connected
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "failed: a check failed, a run did not succeed, the suite cannot start, or a server error",
    Exit.USAGE: "wrong usage, configuration or input",
    Exit.UNREACHABLE: "the gateway cannot be reached or is busy; try again",
    Exit.REFUSED: "not authenticated, or the role does not allow it",
    Exit.NOT_FOUND: "not found",
    Exit.CONFLICT: "the present state forbids it, e.g. stale_etag or account_connected",
    Exit.INTERRUPTED: "interrupted",
}


class CommandError(Exception):
    """Ends a command: a stable reason in snake case, a text for people, the exit code, and a hint what to do."""

    def __init__(self, reason: str, detail: str, exit_code: Exit = Exit.FAILED, hint: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.exit_code = exit_code
        self.hint = hint


class ConfigurationError(CommandError):
    """One or more faults of the configuration, reported together."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("invalid_configuration", "\n".join(faults), Exit.USAGE)
