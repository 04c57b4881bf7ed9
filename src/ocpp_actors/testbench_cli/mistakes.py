"""A mistake in what was given is one line, whichever part of the test bench finds it."""

import functools
from collections.abc import Callable
from typing import Any

import rich_click as click


def telling_mistakes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command end with one line and exit status 2 where a profile or a URL cannot be used."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        from ocpp_actors.testbench.profiles.profile import ProfileError
        from ocpp_actors.testbench.target import NotAUrl

        try:
            return command(*arguments, **options)
        except (ProfileError, NotAUrl) as error:
            raise click.UsageError(str(error)) from None

    return wrapped
