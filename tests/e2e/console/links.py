"""One-time links to the console."""

from e2e.harness import Suite, leadsync


def sign_in_link(suite: Suite, *arguments: str) -> str:
    """Make a one-time link."""
    result = leadsync(suite, "console", "--print", *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
