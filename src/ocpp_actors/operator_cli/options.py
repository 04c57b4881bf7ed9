"""What the operator's commands have in common: where the server is, the token, lists, JSON."""

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import rich_click as click

from ocpp_actors.operator_cli.failures import MISTAKE, ApiFailure

DEFAULT_URL: Final = "http://127.0.0.1:8080"
API_URL: Final = "OCPP_ACTORS_API_URL"
API_TOKEN: Final = "OCPP_ACTORS_API_TOKEN"  # noqa: S105 — the name of a variable
API_TOKEN_FILE: Final = f"{API_TOKEN}_FILE"

PANEL: Final = "Server"

Command = Callable[..., Any]

as_json = click.option("--json", "as_json", is_flag=True, help="JSON, an object a line, as the API gives it.")
limit = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most so many; all by default."
)


class Listing(click.RichGroup):
    """A group of commands that lists where no command is named: ``id-tags --json`` is ``id-tags list --json``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` in front of options that are not the group's own."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def with_api(command: Command) -> Command:
    """Add the options that say which server, and give the command its API as the first argument."""

    @click.option(
        "--api-url",
        envvar=API_URL,
        default=DEFAULT_URL,
        metavar="URL",
        panel=PANEL,
        help=f"Where the server's API is. Default: {DEFAULT_URL}. Environment: {API_URL}.",
    )
    @click.option(
        "--api-token-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        panel=PANEL,
        help=f"The file that holds the API's token. Environment: {API_TOKEN_FILE}, or the token in {API_TOKEN}.",
    )
    @functools.wraps(command)
    def with_client(api_url: str, api_token_file: Path | None, **arguments: Any) -> Any:
        from ocpp_actors.operator_cli.api import open_api

        with open_api(api_url, read_token(api_token_file, os.environ)) as api:
            return command(api, **arguments)

    return with_client


def read_token(path: Path | None, environ: Mapping[str, str]) -> str | None:
    """Return the token of the option, or of the environment; None where there is none.

    Raises ApiFailure: the file cannot be read, the environment names two tokens, or what there is cannot be one.
    """
    token = _find_token(path, environ)
    if token is not None and not (token.isascii() and token.isprintable()):
        raise ApiFailure("the API's token can only have printable ASCII characters, in one line", MISTAKE)
    return token


def _find_token(path: Path | None, environ: Mapping[str, str]) -> str | None:
    named, token = environ.get(API_TOKEN_FILE), environ.get(API_TOKEN)
    if path is None and named and token:
        raise ApiFailure(f"{API_TOKEN} and {API_TOKEN_FILE} are both given: keep one", MISTAKE)
    file = path or (Path(named) if named else None)
    if file is None:
        return token or None
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ApiFailure(f"the token file {file} cannot be read: {reason}", MISTAKE) from None
