"""Writes ``reference/commands.md`` before each build, from the help of the commands."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import rich_click as click
from sphinx.application import Sphinx

from ocpp_actors.cli import commands, serve

SHARED = ("api_url", "api_token_file")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_page(app: Sphinx) -> None:
    """Write the page if its text has changed."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    page, text = folder / "commands.md", "\n".join(commands_page()) + "\n"
    if not page.exists() or page.read_text("utf-8") != text:
        page.write_text(text, "utf-8")


def commands_page() -> Iterator[str]:
    """Describe every command."""
    yield "# Commands"
    yield ""
    yield (
        "What `--help` says. [The command line](../cli.md) tells how they are used. Commands that ask a running server "
        "also take `--api-url` and `--api-token-file`."
    )
    for name, command in commands.commands.items():
        yield from section(command, f"ocpp-actors {name}", 2)


def section(command: click.Command, name: str, level: int) -> Iterator[str]:
    """Describe a command, and the commands below it."""
    yield ""
    yield f"{'#' * level} {name.removeprefix('ocpp-actors ')}"
    yield ""
    yield "```console"
    with click.Context(command, info_name=name) as context:
        yield f"$ {context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    yield "```"
    yield ""
    yield from described(inspect.cleandoc(command.help or ""))
    options = [each for each in command.params if isinstance(each, click.Option) and each.name not in SHARED]
    if command is serve:
        yield ""
        yield "Every [setting](settings.md) is an option, and `--config` names a file with settings."
    elif options:
        yield ""
        yield "| option | |"
        yield "|---|---|"
        for option in options:
            yield f"| {spelled(option)} | {option.help} |"
    if isinstance(command, click.Group):
        for below, each in command.commands.items():
            yield from section(each, f"{name} {below}", level + 1)


def described(text: str) -> Iterator[str]:
    """Turn a help text into Markdown: its examples are a block of code."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b\nExample"):
            yield "```console"
            yield from (f"$ {line.strip()}" for line in paragraph.splitlines()[2:])
            yield "```"
        else:
            yield paragraph
            yield ""


def spelled(option: click.Option) -> str:
    """Write an option as it is given."""
    value = "" if option.is_flag else f" {option.metavar or choices(option)}"
    names = [*option.opts, *option.secondary_opts]
    return ", ".join(f"`{name}{value}`" for name in names) + (", required" if option.required else "")


def choices(option: click.Option) -> str:
    """Write what an option may be."""
    return (
        " or ".join(option.type.choices)
        if isinstance(option.type, click.Choice)
        else option.type.name.upper()
    )
