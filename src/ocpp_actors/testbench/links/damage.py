"""What a link does to the bytes themselves: corruption, duplicates, and where a reset cuts them off. No I/O."""

import random
from typing import Final

from attrs import define, field, frozen

from ocpp_actors.testbench.links.conditions import Conditions
from ocpp_actors.testbench.links.frames import FrameOnTheWay, FrameWalker, Part

MAX_COPY: Final = 64 * 1024
"""Bytes of a frame that can be duplicated."""


@frozen
class Delivery:
    """The bytes that come out; after them, the connection is reset if ``reset``."""

    data: bytes
    reset: bool = False


@define(eq=False)
class Damage:
    """Damages the bytes of one direction, in order, by the conditions that began last."""

    _chance: random.Random
    _conditions: Conditions = field(init=False, factory=Conditions)
    _passed: int = field(init=False, default=0)
    _walker: FrameWalker = field(init=False, factory=FrameWalker)
    _doomed: FrameOnTheWay | None = field(init=False, default=None)
    _copy: bytearray | None = field(init=False, default=None)

    def begin(self, conditions: Conditions) -> None:
        """Let other conditions begin; bytes are counted from here on, where they are counted otherwise."""
        if _counted(conditions) != _counted(self._conditions):
            self._passed = 0
            self._doomed = None
        self._conditions = conditions

    def apply(self, data: bytes) -> Delivery:
        """Return what comes out of the next bytes."""
        delivered = bytearray()
        for part in self._walker.walk(data):
            cut = self._cut(part)
            changed = self._changed(part.data if cut is None else part.data[:cut])
            self._passed += len(part.data)
            delivered += changed
            if cut is not None:
                return Delivery(bytes(delivered), reset=True)
            delivered += self._duplicate(part, changed)
        return Delivery(bytes(delivered))

    def _cut(self, part: Part) -> int | None:
        """Return after how many bytes of the part the connection is reset."""
        cuts = []
        limit, frame = self._conditions.reset_after, part.frame
        if limit is not None and limit - self._passed <= len(part.data):
            cuts.append(max(0, limit - self._passed))
        if frame is not None and self._conditions.reset_in_frame:
            if part.offset == 0:
                self._doomed = frame
            if frame is self._doomed and frame.size is not None:
                place = max(1, frame.size // 2, part.offset)
                if place <= part.offset + len(part.data) and place < frame.size:
                    cuts.append(place - part.offset)
        return min(cuts, default=None)

    def _changed(self, data: bytes) -> bytes:
        conditions, chance = self._conditions, self._chance
        changed = bytearray(data)
        if conditions.corrupt:
            for place in range(len(changed)):
                if chance.random() < conditions.corrupt:
                    changed[place] ^= 1 << chance.randrange(8)
        if conditions.corrupt_at is not None and 0 <= conditions.corrupt_at - self._passed < len(changed):
            changed[conditions.corrupt_at - self._passed] ^= 0xFF
        if conditions.duplicate_bytes:
            return b"".join(
                bytes([byte]) * (2 if chance.random() < conditions.duplicate_bytes else 1) for byte in changed
            )
        return bytes(changed)

    def _duplicate(self, part: Part, changed: bytes) -> bytes:
        """Return the second copy of a frame, once the first has passed."""
        frame, probability = part.frame, self._conditions.duplicate_frames
        if frame is None:
            return b""
        if part.offset == 0:
            chosen = probability > 0 and frame.whole_message and self._chance.random() < probability
            self._copy = bytearray() if chosen else None
        if self._copy is not None:
            self._copy += changed
            if len(self._copy) > MAX_COPY:
                self._copy = None
            elif frame.complete:
                return bytes(self._copy)
        return b""


def _counted(conditions: Conditions) -> tuple[object, ...]:
    return conditions.reset_after, conditions.reset_in_frame, conditions.corrupt_at
