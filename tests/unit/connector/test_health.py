"""What a health check of crm-connector answers."""

from typing import Any

import grpc
from crm_connector.rpc.health import HealthWatch
from crm_connector.rpc.server import Server
from grpc_health.v1 import health_pb2, health_pb2_grpc
from leadsync.integration.v1 import integration_service_pb2_grpc


def test_a_loop_that_hangs_makes_the_process_not_ready() -> None:
    """As long as it hangs and no longer."""
    late: dict[str, float] = {}
    unused: Any = integration_service_pb2_grpc.IntegrationServiceServicer
    server = Server(unused(), "127.0.0.1", 0, 0.0)
    server.start()
    watch, shown = HealthWatch(server, lambda: late, 5.0), list[int]()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        for hanging in ({}, {"upkeep": 700.0}, {}):
            late.clear()
            late.update(hanging)
            assert watch.turn() == 5.0
            shown.append(stub.Check(health_pb2.HealthCheckRequest(), timeout=60).status)
    server.stop()

    states = health_pb2.HealthCheckResponse
    assert shown == [states.SERVING, states.NOT_SERVING, states.SERVING]
