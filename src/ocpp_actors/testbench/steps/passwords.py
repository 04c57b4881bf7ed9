"""Passwords of HTTP Basic authentication."""

import base64
from typing import Any

from ocpp_actors.testbench.bench import Bench
from ocpp_actors.testbench.client import Refused
from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.steps.records import at


def new_password(bench: Bench) -> str:
    """Return a password as long as one may be: 40 characters of hexadecimal (security whitepaper §7.2)."""
    return bench.chance.randbytes(20).hex()


async def give_password(bench: Bench, identity: str) -> str:
    """Make a charge point known to the central system, and give it a password."""
    await bench.operator.put(at(identity), {"registration": "Accepted"})
    password = new_password(bench)
    await bench.operator.put(at(identity, "key"), {"key": password})
    return password


def basic(identity: str, password: str) -> tuple[bytes, bytes]:
    """Return the header that names a password (OCPP-J 1.6 §6.2.2)."""
    return b"Authorization", b"Basic " + base64.b64encode(f"{identity}:{password}".encode())


async def refused(bench: Bench, identity: str, **how: Any) -> Refused:
    """Try to connect, and return how it was refused. Raises Failed: it was not."""
    try:
        async with bench.client(identity, **how):
            pass
    except Refused as refusal:
        return refusal
    raise Failed(f"{identity} was let in, and should not have been")
