"""The operations of the API as the console uses them: the same functions, roles and errors.

So nothing can be done in the console that cannot be done over HTTP, and each role may do the same.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from webhook_gateway.http.auth import Caller, require_role
from webhook_gateway.http.roles import Role, role_of
from webhook_gateway.resources.operation import Operation, operations_of

T = TypeVar("T")


class Operations:
    """Calls operations of resources for somebody who has signed in."""

    def __init__(self, resources: Iterable[object]) -> None:
        self._found: dict[Callable[..., Any], tuple[Operation, object]] = {
            operation.function: (operation, resource)
            for resource in resources
            for operation in operations_of(type(resource))
        }

    async def call(self, caller: Caller, function: Callable[..., Awaitable[T]], **arguments: Any) -> T:
        """Do an operation, named by its method, such as `Leads.get_lead`. Raises Problem."""
        operation, resource = self._found[function]
        if (role := role_of(operation.name)) is not None:
            require_role(caller, role)
        known = {"tenant": caller.tenant, "actor": caller.subject}
        of_caller = {name: known[name] for name in operation.shape.of_caller}
        return await function(resource, **of_caller, **arguments)

    def may(self, caller: Caller, function: Callable[..., Awaitable[Any]]) -> bool:
        """Whether somebody's role is enough for an operation."""
        operation, _ = self._found[function]
        return caller.role >= (role_of(operation.name) or Role.VIEWER)
