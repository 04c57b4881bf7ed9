"""Whose failures count together."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address


@lru_cache(10_000)
def home_of(address: str) -> str:
    """Return what failures count for: the address, or of IPv6 the /64 that it is in, since that is one household."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address
