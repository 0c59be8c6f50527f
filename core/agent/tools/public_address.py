"""Which addresses are on the public internet, and which lead back into our own house."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_INSIDE_4 = [
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers; a cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own services, on an address that looks public
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]
_GLOBAL_6 = IPv6Network("2000::/3")
_INSIDE_6 = [
    IPv6Network(block)
    for block in (
        "2001::/23",  # tunnels and protocols, of which some carry an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # carries an IPv4 address
        "3fff::/20",
    )
]


def is_public(address: Address) -> bool:
    """Return False for private, local, multicast, reserved and metadata addresses, and IPv4 ones dressed as IPv6."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _INSIDE_4)
    return address in _GLOBAL_6 and not any(address in block for block in _INSIDE_6)


def parsed(addresses: Iterable[str]) -> list[Address]:
    return [ip_address(address) for address in addresses]
