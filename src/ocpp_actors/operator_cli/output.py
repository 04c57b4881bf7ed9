"""Tables for people, tab-separated lines for pipes, JSON lines for programs.

What is shown was sent by charge points, and so by strangers: none of their control characters reaches a terminal.
"""

import csv
import io
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import rich_click as click

from ocpp_actors.logs import printable

Columns = Mapping[str, str | Callable[[dict[str, Any]], object]]
"""Header of a column to the name of a field, or to what makes the cell of an item."""

LONGEST_WORD: Final = 40
"""Characters of a word that a table leaves whole, even where its lines become longer than those of the terminal."""

_MAYBE_UNPRINTABLE: Final = re.compile(r"[^ -~]")


def print_items(items: Iterable[dict[str, Any]], columns: Columns, *, as_json: bool) -> None:
    """Print a list: a table on a terminal, otherwise a line of cells between tabs for each, under a line of headers."""
    if as_json:
        for item in items:
            print_json(item)
        return
    rows = ([shown(_cell(item, source)) for source in columns.values()] for item in items)
    if sys.stdout.isatty():
        _print_table(list(columns), rows)
        return
    first = next(rows, None)  # asked for before the headers: it may fail
    for row in itertools.chain([list(columns)], [first] if first else [], rows):
        click.echo("\t".join(row))


def print_item(item: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the fields of one thing, a line each; those inside an object as ``settings.lenient``."""
    if as_json:
        print_json(item)
        return
    fields = dict(_flat(item))
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{printable(name):<{width}}  {shown(value)}".rstrip())


def print_json(value: object, indent: int | None = None) -> None:
    """Print a value as JSON, in one line unless it is indented. No character in it can drive a terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    click.echo("\n".join(map(_escaped, text.split("\n"))))


def print_csv(cells: Iterable[object]) -> None:
    """Print one line of CSV; what is not known is empty."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow("" if cell is None else cell for cell in cells)
    click.echo(line.getvalue(), nl=False)


def print_text(chunks: Iterable[bytes]) -> None:
    """Copy text to the standard output as it comes; on a terminal its control characters are shown."""
    if not sys.stdout.isatty():
        for chunk in chunks:
            click.echo(chunk, nl=False)
        return
    for line in b"".join(chunks).decode("utf-8", "replace").splitlines():
        click.echo(printable(line))


def tell(message: str) -> None:
    """Say something beside the output: one line on the standard error."""
    click.echo(printable(f"ocpp-actors: {message}"), err=True)


def shown(value: object) -> str:
    """Write a value as a cell: what is not known is empty, what is nested is JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict | list):
        return printable(json.dumps(value, ensure_ascii=False))
    return printable(str(value))


def _cell(item: dict[str, Any], source: str | Callable[[dict[str, Any]], object]) -> object:
    return item.get(source) if isinstance(source, str) else source(item)


def _flat(item: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, object]]:
    for name, value in item.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _print_table(headers: list[str], rows: Iterable[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = list(rows)
    for header, *cells in zip(headers, *rows, strict=True):
        words = [len(word) for cell in (header, *cells) for word in cell.split()]
        table.add_column(header, overflow="fold", min_width=min(max(words, default=0), LONGEST_WORD))
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table, crop=False)


def _escaped(text: str) -> str:
    """Write what cannot be printed as JSON escapes it; outside of strings JSON has no such characters."""
    return _MAYBE_UNPRINTABLE.sub(
        lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text
    )
