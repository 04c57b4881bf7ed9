"""The frames of each charge point, as JSON lines that ``check`` and ``replay`` read."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import orjson
import trio
from attrs import define, field

from ocpp_actors.testbench.wire import Happening, Wire, WireFrame

MAX_BYTES: Final = 256 * 1024 * 1024
"""Of all files of a session together; what comes later is counted."""

INTERVAL: Final = 0.5
"""Seconds between writes."""


@define(eq=False)
class FrameLog:
    """Writes a file for each wire that it was told of. ``now`` is the time of day."""

    directory: Path
    now: Callable[[], datetime]
    max_bytes: int = MAX_BYTES
    left_out: int = field(init=False, default=0)
    _size: int = field(init=False, default=0)
    _waiting: dict[str, list[bytes]] = field(init=False, factory=dict)

    def follow(self, wire: Wire) -> None:
        """Write what passes on a wire from now on."""
        wire.subscribe(lambda happening: self._hear(wire.identity, happening))

    def path_of(self, identity: str) -> Path:
        """Return where the frames of a charge point are; any identity has a file of its own."""
        name = quote(identity, safe="", errors="replace").replace(".", "%2E")
        return self.directory / f"{name[:200]}.jsonl"

    async def run(self) -> None:
        """Write every now and then, until cancelled, and what is left then."""
        try:
            while True:
                await trio.sleep(INTERVAL)
                await self.write()
        finally:
            self.flush()

    def flush(self) -> None:
        """Write what waits, now."""
        waiting, self._waiting = self._waiting, {}
        _append({self.path_of(identity): lines for identity, lines in waiting.items()})

    async def write(self) -> None:
        """Write what waits, in a thread."""
        if self._waiting:
            waiting, self._waiting = self._waiting, {}
            files = {self.path_of(identity): lines for identity, lines in waiting.items()}
            await trio.to_thread.run_sync(_append, files)

    def _hear(self, identity: str, happening: Happening) -> None:
        if not isinstance(happening, WireFrame):
            return
        at = f"{self.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        line = orjson.dumps(
            {
                "at": at,
                "chargePoint": identity.encode("utf-8", "replace").decode(),
                "direction": happening.direction,
                "frame": happening.text.encode("utf-8", "replace").decode(),
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
        if self._size + len(line) > self.max_bytes:
            self.left_out += 1
            return
        self._size += len(line)
        self._waiting.setdefault(identity, []).append(line)


def _append(files: dict[Path, list[bytes]]) -> None:
    for path, lines in files.items():
        with path.open("ab") as file:
            file.writelines(lines)
