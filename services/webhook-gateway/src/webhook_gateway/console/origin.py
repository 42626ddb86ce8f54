"""Whether a request that changes something comes from a page of the console itself."""

from starlette.requests import Request

from webhook_gateway.problem import Problem

SAFE = frozenset({"GET", "HEAD"})


def check_origin(request: Request, own_origin: str) -> None:
    """Refuse a changing request from elsewhere. Raises Problem 403.

    Browsers say where a request comes from, and no page can change what they say: in `Sec-Fetch-Site`, or in `Origin`
    where they do not know that header. What says neither is no browser, and has no business here.
    """
    if request.method in SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site == "same-origin" or (site is None and origin is not None and origin == own_origin):
        return
    raise Problem(403, "foreign_origin", "this was not sent by a page of the console")
