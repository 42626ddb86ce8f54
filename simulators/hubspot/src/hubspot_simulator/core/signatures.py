"""How HubSpot signs a delivery (validating-requests guide; recorded: one delivery carries both v1 and v3)."""

import base64
import hashlib
import hmac

USER_AGENT = (
    "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client) - "
    "WebhooksExecutorDaemon-executor"
)
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(",
    "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def signed_headers(secret: str, url: str, body: bytes, timestamp_ms: int, timeout_ms: int = 10_000) -> dict[str, str]:
    """The whole header set of a delivery, in the order and spelling of a recorded one."""
    return {
        "accept": "*/*",
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "x-hubspot-request-timestamp": str(timestamp_ms),
        "x-hubspot-signature": signature_v1(secret, body),
        "x-hubspot-signature-version": "v1",
        "x-hubspot-signature-v3": signature_v3(secret, "POST", url, body, timestamp_ms),
        "x-hubspot-timeout-millis": str(timeout_ms),
    }


def signature_v1(secret: str, body: bytes) -> str:
    """SHA-256 over secret and body, in hex."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def signature_v3(secret: str, method: str, url: str, body: bytes, timestamp_ms: int) -> str:
    """HMAC-SHA256 over method, URI (with twelve escapes decoded), body and timestamp, in base64."""
    source = method.encode() + decoded(url).encode() + body + str(timestamp_ms).encode()
    return base64.b64encode(hmac.new(secret.encode(), source, hashlib.sha256).digest()).decode()


def decoded(url: str) -> str:
    """Decode the twelve listed escapes, once."""
    parts = url.split("%")
    if len(parts) == 1:
        return url
    out = [parts[0]]
    for part in parts[1:]:
        escape = "%" + part[:2]
        out.append(_DECODED[escape] + part[2:] if escape in _DECODED else "%" + part)
    return "".join(out)
