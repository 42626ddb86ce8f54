"""Exit with 0 if a service is ready: `health.py grpc://host:port` or `health.py http://host:port/path`."""  # noqa: INP001

import sys
import urllib.request
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

    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
