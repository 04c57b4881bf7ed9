"""Who reads the standard output may leave before it is over, as ``head`` does."""

import os
import sys


def reader_has_left() -> None:
    """Throw away what is still printed, now and when Python ends; call it after a BrokenPipeError."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
