"""What a browser may do with a page of the console: nothing but what the page needs.

A script runs only with the nonce of its page, htmx takes attributes only with it, and no other origin is asked for
anything. So a value of a person or of a CRM can do nothing, even if it came into a page unescaped.
"""

import secrets

_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types htmx; report-to csp; report-uri /ui/csp"
)
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with `no-referrer`, browsers send forms with the `Origin` null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def new_nonce() -> str:
    """Make the nonce of one page."""
    return secrets.token_urlsafe(18)


def of_page(nonce: str) -> dict[str, str]:
    """Give the headers of a page."""
    policy = {"content-security-policy": _POLICY.format(nonce=nonce), "cache-control": "no-store"}
    return _ALWAYS | policy | {"reporting-endpoints": 'csp="/ui/csp"'}


def of_file() -> dict[str, str]:
    """Give the headers of a file that never changes under its name."""
    for_ever = {"cache-control": "public, max-age=31536000, immutable"}
    return _ALWAYS | for_ever | {"content-security-policy": "default-src 'none'"}
