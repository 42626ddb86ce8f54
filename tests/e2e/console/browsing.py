"""A real browser that looks at the console, and notices everything that a page must not do."""

from __future__ import annotations  # Playwright is not always there

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from e2e.console.links import sign_in_link
from e2e.harness import Suite

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")


@dataclass
class Visitor:
    """Somebody who has signed in, in a browser of their own. `faults` are what pages did that they must not do."""

    suite: Suite
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def open(self, path: str, status: int = 200) -> Page:
        """Open a page of the console."""
        response = self.page.goto(f"{self.suite.url}{path}")
        assert response is not None
        assert response.status == status, f"{path}: {response.status}"
        return self.page

    def check(self) -> None:
        """Fail on what any page did that it must not do."""
        assert self.faults == []

    def axe(self) -> list[str]:
        """Let axe look at the page: what breaks WCAG 2.2 AA, or its best practices."""
        self.page.evaluate(AXE)
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]

    def is_too_wide(self) -> bool:
        """Whether the page has to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def watch(self) -> None:
        """Note errors, broken rules of the page, and requests to anybody else."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if request.url.startswith("data:"):
            return
        if urlsplit(request.url).netloc != urlsplit(self.suite.url).netloc:
            self.faults.append(f"asked elsewhere: {request.url}")
        if urlsplit(request.url).path == "/ui/csp":
            self.faults.append(f"policy: {request.post_data}")


@contextmanager
def visiting(
    browser: Browser, suite: Suite, *arguments: str, width: int = 1280, theme: Any = "light", **more: Any
) -> Iterator[Visitor]:
    """Sign somebody in; `arguments` are those of `leadsync console`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **more)
    try:
        visitor = Visitor(suite, context, context.new_page())
        visitor.watch()
        visitor.page.goto(sign_in_link(suite, *arguments))
        visitor.page.wait_for_url("**/ui")
        yield visitor
        visitor.check()
    finally:
        context.close()
