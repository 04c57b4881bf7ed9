"""Who reads the output may leave before it is over, as ``head`` does, or a terminal that is closed."""

import os
import sys
from typing import TextIO


def reader_has_left(stream: TextIO | None = None) -> None:
    """Throw away what is still printed, now and when Python ends; call it after an OSError of the output.

    ``stream`` is the standard output unless another one is given.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, (stream or sys.stdout).fileno())
    os.close(nowhere)
