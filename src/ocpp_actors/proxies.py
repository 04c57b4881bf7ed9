"""Whom reverse proxies speak for: X-Forwarded-For and X-Forwarded-Proto, believed only from those that are trusted."""

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network


class TrustedProxies:
    """The addresses and networks of ``TRUSTED_PROXIES``."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(ip_network(each) for each in networks)

    def origin(
        self, address: str, secure: bool, forwarded_for: str, forwarded_proto: str
    ) -> tuple[str, bool]:
        """Return from which address a request came first, and whether over TLS.

        ``address`` and ``secure`` are those of the connection; the others the two headers, empty where there is none.
        """
        if not self.trusts(address):
            return address, secure
        secure = forwarded_proto.strip().lower() in ("https", "wss")
        for hop in reversed(forwarded_for.split(",")):
            before = _address(hop.strip())
            if before is None:
                break
            address = before
            if not self.trusts(address):
                break
        return address, secure

    def trusts(self, text: str) -> bool:
        """Whether this is the address of one of them."""
        if not self._networks:
            return False
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _address(text: str) -> str | None:
    """Return the address in one entry of X-Forwarded-For, without its port."""
    bare = re.sub(r"^\[(.*)\](:\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$", lambda m: m[1] or m[3], text)
    try:
        return str(ip_address(bare))
    except ValueError:
        return None
