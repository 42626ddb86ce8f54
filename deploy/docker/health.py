"""Exit with 0 if a service is ready: `health.py grpc://host:port` or `health.py http://host:port/path`.

A service with TLS is asked with its own certificate: PACKAGE and LEADSYNC_TLS_* are as in the service's environment.
"""  # noqa: INP001 - a program of its own, not part of a package

import os
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SECONDS = 3.0


def main(address: str) -> int:
    """Ask once; return the exit code."""
    try:
        ready = grpc_ready(urlsplit(address).netloc) if address.startswith("grpc:") else http_ready(address)
    except OSError as error:
        sys.stderr.write(f"{address}: {error}\n")
        return 1
    return 0 if ready else 1


def http_ready(address: str) -> bool:
    """Return whether a GET answers 200. Raises OSError if it answers with an error, or not at all."""
    # The service is in this container, so no proxy is used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=SECONDS) as answer:
        return bool(answer.status == 200)


def grpc_ready(target: str) -> bool:
    """Return whether the standard health service answers SERVING for the whole server."""
    # Not every image has gRPC.
    import grpc  # noqa: PLC0415
    from grpc_health.v1 import health_pb2  # noqa: PLC0415

    with _channel(grpc, target) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
        except grpc.RpcError as error:
            sys.stderr.write(f"{target}: {error.code().name}\n")
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _channel(grpc: Any, target: str) -> Any:
    """Open a channel. Raises OSError if a file of TLS cannot be read."""
    options = [("grpc.enable_http_proxy", 0)]
    paths = [os.environ.get(f"LEADSYNC_TLS_{name}", "") for name in ("CA", "KEY", "CERT")]
    if not all(paths):
        return grpc.insecure_channel(target, options=options)
    shown = grpc.ssl_channel_credentials(*(Path(path).read_bytes() for path in paths))
    # Its certificate names the service, and need not name the address at which it is asked.
    service = os.environ["PACKAGE"].replace("_", "-")
    return grpc.secure_channel(target, shown, options=[*options, ("grpc.ssl_target_name_override", service)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
