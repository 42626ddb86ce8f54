"""Ports: taken ones are named, free ones are found."""

import socket

import pytest
from leadsync_cli.errors import CommandError
from leadsync_cli.suite.ports import check_ports, free_ports


def test_a_taken_port_is_named_with_its_variable() -> None:
    """Every taken port is named, with its variable."""
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        one, two, three = first.getsockname()[1], second.getsockname()[1], free_ports(1)[0]

        with pytest.raises(CommandError) as raised:
            check_ports({"GATEWAY_PORT": one, "LEAD_STORE_PORT": three, "MONGO_PORT": two})

    assert raised.value.reason == "port_taken"
    assert f"GATEWAY_PORT: port {one} is taken" in raised.value.detail
    assert f"MONGO_PORT: port {two} is taken" in raised.value.detail
    assert "LEAD_STORE_PORT" not in raised.value.detail


def test_a_port_set_twice_is_an_error() -> None:
    """Two variables with the same port are a fault of the configuration, even if the port is free."""
    port = free_ports(1)[0]

    with pytest.raises(CommandError, match="set twice"):
        check_ports({"GATEWAY_PORT": port, "MONGO_PORT": port})


def test_free_ports_differ_and_lie_below_those_of_outgoing_connections() -> None:
    """Free ports are all different and cannot be taken by a client connection while a service restarts."""
    ports = free_ports(50)

    check_ports({str(port): port for port in ports})
    assert len(set(ports)) == 50
    assert max(ports) < 32_768
