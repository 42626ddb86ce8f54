"""A browser for the tests of the console; without one they are skipped, and say so."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from e2e.console.browsing import Visitor, visiting
from e2e.harness import Suite

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
MISSING = [
    *([] if find_spec("playwright") else ["Playwright, which `make test-console` installs"]),
    *([] if CHROMIUM else ["Chromium (Debian's package chromium)"]),
]


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """A browser; each visitor has a profile of their own in it."""
    if MISSING:
        pytest.skip(f"NOT TRIED: the console in a browser, for there is no {' and no '.join(MISSING)}")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - it is not always there

    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: "Browser", suite: Suite) -> Callable[..., AbstractContextManager[Visitor]]:
    """Give a function with which somebody signs in, such as `visit(width=360, theme="dark")`."""

    def begin(*arguments: str, **more: Any) -> AbstractContextManager[Visitor]:
        return visiting(browser, suite, *arguments, **more)

    return begin
