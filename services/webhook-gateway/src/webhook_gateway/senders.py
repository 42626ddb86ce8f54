"""Who counts as one sender where senders share what there is: an address or, of IPv6, the network of a host."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network

_OF_ONE_HOST = 64  # bits: whoever has one such address may use all 2^64 of its network


def sender_of(client: tuple[str, int] | None) -> str:
    """Return the sender of a connection or request, whose address and port a server gives; empty if it knows none."""
    return _shared(client[0]) if client else ""


@lru_cache(maxsize=4096)
def _shared(address: str) -> str:
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address.partition("%")[0])
    except ValueError:  # a proxy may write anything
        return address
    return str(found.ipv4_mapped or IPv6Network((found, _OF_ONE_HOST), strict=False))
