"""Hashes and compares keys without holding up anybody: slow hashes run in a thread, and are paid once."""

import hmac
import os
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import trio
from attrs import define, field

from ocpp_actors.central_system import credentials
from ocpp_actors.ledger.port import KeyHash

T = TypeVar("T")

GENERATED: Final = 1000
"""Keys that were generated here, and may be about to be sent; the others count as chosen."""

WAITING: Final = 50
"""Slow hashes that may wait; at some 20 ms each, the last one waits a second."""

PATIENCE: Final = 2.0
"""Seconds that a slow hash may wait for its turn. On a slow machine too, who has to come again is told so before
``HANDSHAKE_TIMEOUT``, also where four chosen keys are compared."""

REMEMBERED: Final = 50_000
"""Passwords that were right, of which a fast hash is remembered in memory, under a secret of this process."""


NICE: Final = 10
"""The priority of the thread that hashes, as nice(1) counts it."""


class TooManyKeys(Exception):
    """So many keys wait to be hashed that this one is not."""


@define(eq=False)
class Keys:
    """All keys of a central system are hashed and compared here. ``new_salt`` gives salts."""

    new_salt: Callable[[], bytes] = credentials.new_salt
    in_thread: bool = True
    """False where trio's clock is a virtual one, which does not wait for threads."""
    _secret: bytes = field(init=False, factory=partial(secrets.token_bytes, 32))
    _right: OrderedDict[bytes, None] = field(init=False, factory=OrderedDict)
    _generated: OrderedDict[bytes, None] = field(init=False, factory=OrderedDict)
    _one: trio.CapacityLimiter = field(init=False, factory=partial(trio.CapacityLimiter, 1))

    def generate(self) -> str:
        """Return a new key, in hexadecimal digits."""
        key = credentials.new_key()
        _remember(self._generated, self._trace(key.encode()), GENERATED)
        return key

    async def hash(self, key: bytes) -> KeyHash:
        """Return the hash of a key to be kept: a fast one if it was generated here, otherwise a slow one.

        Raises TooManyKeys: too many wait, or for too long.
        """
        if self._trace(key) in self._generated:
            return credentials.hash_generated(key, self.new_salt())
        hashed = await self._slowly(partial(credentials.hash_chosen, key, self.new_salt()))
        _remember(self._right, self._trace(key, hashed), REMEMBERED)
        return hashed

    def known(self, password: bytes, key: KeyHash) -> bool | None:
        """Whether a password is the key; None: that cannot be said at once."""
        if not credentials.is_slow(key):
            return credentials.key_matches(password, key)
        return True if self._trace(password, key) in self._right else None

    async def matches(self, password: bytes, key: KeyHash) -> bool:
        """Whether a password is the key.

        Raises TooManyKeys: too many wait, or for too long.
        """
        known = self.known(password, key)
        if known is not None:
            return known
        matches = await self._slowly(partial(credentials.key_matches, password, key))
        if matches:
            _remember(self._right, self._trace(password, key), REMEMBERED)
        return matches

    async def _slowly(self, work: Callable[[], T]) -> T:
        if self._one.statistics().tasks_waiting >= WAITING:
            raise TooManyKeys(f"{WAITING} keys wait to be hashed")
        if not self.in_thread:
            return work()
        with trio.move_on_after(PATIENCE) as patience:
            await self._one.acquire()
        if patience.cancelled_caught:
            raise TooManyKeys(f"the keys before it took longer than {PATIENCE:g} s to be hashed")
        try:
            return await trio.to_thread.run_sync(_behind, work)
        finally:
            self._one.release()

    def _trace(self, password: bytes, key: KeyHash | None = None) -> bytes:
        encoded = b"" if key is None else key.encoded.encode()
        return hmac.digest(self._secret, encoded + b"\0" + password, "sha256")


def _behind(work: Callable[[], T]) -> T:
    """Do slow work in a thread that leaves the processor to the loop: Linux gives each thread a priority of its own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    return work()


def _remember(traces: OrderedDict[bytes, None], trace: bytes, limit: int) -> None:
    traces[trace] = None
    traces.move_to_end(trace)
    if len(traces) > limit:
        traces.popitem(last=False)
