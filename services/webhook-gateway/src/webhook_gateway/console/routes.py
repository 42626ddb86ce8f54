"""How a page or a form of the console is declared.

`page` marks a method that answers a GET, `form` one that takes a POST. A form names the operations of the API that it
may use: a test demands that each form has them, and that each of them is a command of `leadsync` too.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.responses import Response

from webhook_gateway.console.visit import Visit

F = TypeVar("F", bound=Callable[..., Awaitable[Response]])
_MARK = "_console_route"


@dataclass(frozen=True, slots=True)
class ConsoleRoute:
    """An address of the console, below `/ui`."""

    method: str
    path: str
    function: Callable[[Any, Visit], Awaitable[Response]]
    operations: tuple[Callable[..., Any], ...] = ()


def page(path: str) -> Callable[[F], F]:
    """Declare a page."""

    def declare(function: F) -> F:
        setattr(function, _MARK, ConsoleRoute("GET", path, function))
        return function

    return declare


def form(path: str, *operations: Callable[..., Any]) -> Callable[[F], F]:
    """Declare what takes a form."""

    def declare(function: F) -> F:
        setattr(function, _MARK, ConsoleRoute("POST", path, function, operations))
        return function

    return declare


def routes_of(pages: type) -> Iterator[ConsoleRoute]:
    """List what a class of pages declares, in the order of its file."""
    return (getattr(item, _MARK) for item in vars(pages).values() if hasattr(item, _MARK))
