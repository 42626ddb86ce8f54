"""What an operation of the API is, and how a resource declares one.

An operation is a method of a resource, decorated with `operation`. It takes, by name: `tenant` and `actor` of the
caller, the parameters of its path, `query` and `body` (each a Struct), `etag` (`If-Match`) and `request_id`
(`Idempotency-Key`). It returns what is answered as JSON, Tagged if that has a revision, None for 204, or a finished
Response. Who may use it is in the table of roles.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from webhook_gateway.resources.basics import Tagged
from webhook_gateway.resources.reasons import Reasons

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])
HEADERS = {"etag": "If-Match", "request_id": "Idempotency-Key"}
_MARK = "_operation"
_OF_CALLER = frozenset({"tenant", "actor"})


class Shape(NamedTuple):
    """What an operation takes of a request, by name, and answers. `answer` is NoneType for 204."""

    takes: dict[str, Any]
    of_caller: frozenset[str]  # what it takes of the caller
    answer: Any
    tagged: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of the API."""

    method: str
    path: str
    function: Callable[..., Awaitable[Any]]
    reasons: tuple[Reasons, ...]  # of errors, beside those that follow from what it takes
    status: int
    signed_body: Any  # type of a body that is proved by its sender and read before the routes; None for all others

    @property
    def name(self) -> str:
        """Name of the operation, e.g. `create_lead`."""
        return self.function.__name__

    @property
    def shape(self) -> Shape:
        """What it takes and answers."""
        return _shape(self.function)

    @property
    def body(self) -> Any:
        """Type of its body; None if it has none."""
        return self.signed_body or self.shape.takes.get("body")


def operation(
    method: str, path: str, *reasons: Reasons, status: int = 200, signed_body: Any = None
) -> Callable[[F], F]:
    """Declare a method of a resource as an operation of the API."""

    def declare(function: F) -> F:
        setattr(function, _MARK, Operation(method, path, function, reasons, status, signed_body))
        return function

    return declare


def operations_of(resource: type) -> Iterator[Operation]:
    """List the operations of a resource, in the order of its file."""
    return (getattr(item, _MARK) for item in vars(resource).values() if hasattr(item, _MARK))


@cache
def _shape(function: Callable[..., Awaitable[Any]]) -> Shape:
    takes = get_type_hints(function, include_extras=True)
    answer = takes.pop("return")
    tagged = get_origin(answer) is Tagged
    of_caller = frozenset(takes.keys() & _OF_CALLER)
    takes = {name: kind for name, kind in takes.items() if name not in of_caller}
    return Shape(takes, of_caller, get_args(answer)[0] if tagged else answer, tagged)
