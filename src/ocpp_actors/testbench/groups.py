"""Exceptions out of nurseries, for code that a person reads from top to bottom."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise the one exception that left the nurseries of the block, instead of a group of it.

    What was cancelled beside it does not count. A group of several stays a group.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        causes = leaves(group)
        failures = [each for each in causes if not isinstance(each, trio.Cancelled)] or causes[:1]
        if len(failures) > 1:
            raise
        only = failures[0]
        raise only from only.__cause__


def leaves(error: BaseException) -> list[BaseException]:
    """Return the exceptions in a group, or the one that is none."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error]
