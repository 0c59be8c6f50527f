"""Where a sign-in comes from: what of it is shown and kept, and what tells one visitor from another."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_LONGEST_AGENT, _LONGEST_ADDRESS = 120, 64


@dataclass(frozen=True, slots=True)
class Visit:
    """``address`` is the visitor's own, not a proxy's; ``cookie`` is the browser's, however long ago it was good."""

    address: str
    user_agent: str = ""
    cookie: str = field(default="", repr=False)

    @property
    def network(self) -> str:
        """The neighbourhood that is kept and shown."""
        return self._around(24, 48)

    @property
    def host(self) -> str:
        """One visitor's address; of IPv6 each has a whole network."""
        return self._around(32, 64)

    @property
    def shown_agent(self) -> str:
        printable = "".join(letter for letter in self.user_agent[: 4 * _LONGEST_AGENT] if letter.isprintable())
        return printable[:_LONGEST_AGENT]

    def _around(self, v4_bits: int, v6_bits: int) -> str:
        address = _address(self.address)
        if address is None:
            return self.address[:_LONGEST_ADDRESS]
        bits = v4_bits if address.version == 4 else v6_bits
        return str(ip_network(f"{address}/{bits}", strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
