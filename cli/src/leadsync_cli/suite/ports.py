"""TCP ports on 127.0.0.1: which are taken, and which are free."""

import random
import socket
from collections import Counter
from collections.abc import Mapping

from leadsync_cli.errors import CommandError

# Below Linux's range for outgoing connections (32768 and up), so that no such connection takes the port of a service
# while that service restarts.
FREE_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_ports(wanted: Mapping[str, int]) -> None:
    """Raise CommandError if a port is taken or set twice; it names each such port and its variable."""
    counts = Counter(wanted.values())
    faults = [
        f"{variable}: port {port} is {'set twice' if counts[port] > 1 else 'taken by another process'}"
        for variable, port in wanted.items()
        if counts[port] > 1 or not is_free(port)
    ]
    if faults:
        example = faults[0].split(":", maxsplit=1)[0]
        faults.append(f"Stop what listens there, or choose another port, e.g. {example}={free_ports(1)[0]}.")
        raise CommandError("port_taken", "\n".join(faults))


def free_ports(count: int) -> list[int]:
    """Return that many different free ports. Somebody else may still take one before it is used."""
    chosen: list[int] = []
    for port in random.sample(FREE_RANGE, k=len(FREE_RANGE)):
        if len(chosen) == count:
            break
        if is_free(port):
            chosen.append(port)
    return chosen
