"""Why commands end without having been tried: the ``reason`` in their detail."""

from typing import Final

RESTARTED: Final = "the server was stopped before it was sent"
REMOVED: Final = "the charge point was removed"
