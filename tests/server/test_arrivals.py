"""Of many sockets, those at which something has arrived."""

import socket
from collections.abc import Callable

import pytest

from ocpp_actors.server.arrivals import Arrivals


@pytest.mark.parametrize("leave", [Arrivals.forget, Arrivals.closes])
async def test_one_that_is_closed_already_takes_no_other_along(
    leave: Callable[[Arrivals[str], socket.socket], None],
) -> None:
    arrivals = Arrivals[str](10)
    one = socket.socket()
    one.close()
    two, peer = socket.socketpair()
    with two, peer:
        arrivals.watch(two, "two")
        leave(arrivals, one)
        peer.sendall(b"x")
        assert await arrivals.some() == [("two", False)]
        leave(arrivals, two)
        leave(arrivals, two)
    arrivals.close()
