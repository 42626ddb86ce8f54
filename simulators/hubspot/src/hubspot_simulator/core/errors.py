"""HubSpot's error bodies. Shapes from the error-handling guide and from recorded answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class ApiError(Exception):
    """A refusal: an HTTP status and the fields of its body."""

    def __init__(
        self,
        status: int,
        category: str | None,
        message: str,
        *,
        context: Mapping[str, Sequence[str]] | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
        existing_id: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.context = dict(context or {})
        self.errors = list(errors or [])
        self.extra = dict(extra or {})
        self.existing_id = existing_id

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The whole answer of a call that failed."""
        body: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.errors:
            body["errors"] = self.errors
        if self.context:
            body["context"] = self.context
        if self.category:
            body["category"] = self.category
        return body | self.extra

    def entry(self, trace_id: str | None = None) -> dict[str, Any]:
        """One element of the `errors` list of a multi-status answer (207).

        A conflict carries `context.existingId` there, which the single call has only in its message
        (recorded).
        """
        context: dict[str, Any] = dict(self.context)
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        if self.existing_id is not None:
            context["existingId"] = [str(self.existing_id)]
        entry: dict[str, Any] = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
        }
        if self.errors:
            entry["errors"] = self.errors
        return entry | self.extra


@dataclass(frozen=True, slots=True)
class PropertyFault:
    """The fault of one written property."""

    name: str
    code: str
    message: str


def invalid_properties(faults: Iterable[PropertyFault], portal_id: int) -> ApiError:
    """400: one bad property discards the whole write (using-object-APIs guide, recorded answers)."""
    found = list(faults)
    inner = [
        {
            "isValid": False,
            "message": fault.message,
            "error": fault.code,
            "name": fault.name,
            "localizedErrorMessage": fault.message,
            "portalId": portal_id,
        }
        for fault in found
    ]
    errors = [{"message": f.message, "code": f.code, "context": {"propertyName": [f.name]}} for f in found]
    text = "Property values were not valid: " + json.dumps(inner, separators=(",", ":"))
    return ApiError(400, "VALIDATION_ERROR", text, errors=errors)


def validation(message: str, **context: Sequence[str]) -> ApiError:
    """400 for a request that makes no sense."""
    return ApiError(400, "VALIDATION_ERROR", message, context=context)


def not_found(record_id: str) -> ApiError:
    """404 of a single read or write; the two spaces are HubSpot's (recorded)."""
    message = "Object not found.  objectId are usually numeric."
    return ApiError(404, "OBJECT_NOT_FOUND", message, context={"id": [record_id]})


def some_not_found(record_ids: Sequence[str]) -> ApiError:
    """The single entry that names every missing id of a batch read or update (recorded 207)."""
    message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
    return ApiError(404, "OBJECT_NOT_FOUND", message, context={"ids": record_ids})


def conflict(existing_id: int) -> ApiError:
    """409: the e-mail belongs to another contact; the id is only in the message (hubspot-api-python#51)."""
    message = f"Contact already exists. Existing ID: {existing_id}"
    return ApiError(409, "CONFLICT", message, existing_id=existing_id)


def unique_value_taken(name: str, value: str, existing_id: int, portal_id: int) -> ApiError:
    """400: another contact has that value of a unique property. The wording is a guess, the code is not."""
    message = f"Cannot set {name} to {value}. {existing_id} already has that value."
    error = invalid_properties([PropertyFault(name, "CONFLICTING_UNIQUE_VALUE", message)], portal_id)
    error.existing_id = existing_id
    return error


def missing_scopes(scopes: Sequence[str]) -> ApiError:
    """403: the token lacks a scope (using-object-APIs guide)."""
    message = (
        "This app hasn't been granted all required scopes to make this call. "
        "Read more about required scopes here: https://developers.hubspot.com/scopes."
    )
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    links = {"scopes": "https://developers.hubspot.com/scopes"}
    return ApiError(403, "MISSING_SCOPES", message, errors=[detail], extra={"links": links})


def unauthenticated() -> ApiError:
    """401 without a token, or with an unknown one."""
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
        "find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return ApiError(401, "INVALID_AUTHENTICATION", message)


def expired(seconds_ago: int, expired_at: str) -> ApiError:
    """401 with a token past its 30 minutes (recorded)."""
    message = f"The OAuth token used to make this call expired {seconds_ago} second(s) ago."
    return ApiError(401, "EXPIRED_AUTHENTICATION", message, context={"expire time": [expired_at]})


def resource_not_found() -> ApiError:
    """404 for a path or a thing that is not there."""
    return ApiError(404, "OBJECT_NOT_FOUND", "resource not found")
