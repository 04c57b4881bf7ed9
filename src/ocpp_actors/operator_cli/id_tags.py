"""``ocpp-actors id-tags``."""

import csv
from typing import TYPE_CHECKING, Any, Final, TextIO

import rich_click as click

from ocpp_actors.operator_cli.failures import MISTAKE, NOT_NOW, ApiFailure, Problem
from ocpp_actors.operator_cli.options import Command, Listing, as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_csv, print_item, print_items, tell

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

STATUSES: Final = ("Accepted", "Blocked", "Expired", "Invalid")

FIELDS: Final = ("idTag", "status", "expiryDate", "parentIdTag", "maxActiveTransactions")
"""The columns of a file of idTags."""

NONE: Final = "none"
"""What takes an optional field away."""


@click.group("id-tags", cls=Listing)
def id_tags() -> None:
    """List idTags, and say which may charge. Without a command: list.

    \b
    Examples:
      ocpp-actors id-tags
      ocpp-actors id-tags add TAG1 --max-active-transactions 1
      ocpp-actors id-tags set TAG1 --status Blocked
      ocpp-actors id-tags export > id-tags.csv
    """  # noqa: D301


def _path(id_tag: str) -> str:
    from ocpp_actors.operator_cli.api import segment

    return f"/id-tags/{segment(id_tag)}"


@id_tags.command("list")
@click.option("--search", metavar="TEXT", help="Only those with this in the idTag or its parent.")
@limit
@as_json
@with_api
def list_all(api: "Api", search: str | None, limit: int | None, as_json: bool) -> None:
    """List idTags in their order.

    \b
    Example:
      ocpp-actors id-tags list --search 04A2
    """  # noqa: D301
    print_items(
        api.items("/id-tags", limit, search=search),
        {
            "ID TAG": "idTag",
            "STATUS": "status",
            "EXPIRES": "expiryDate",
            "PARENT": "parentIdTag",
            "MAX ACTIVE": "maxActiveTransactions",
        },
        as_json=as_json,
    )


@id_tags.command()
@click.argument("id_tag", metavar="IDTAG")
@as_json
@with_api
def show(api: "Api", id_tag: str, as_json: bool) -> None:
    """Show one idTag.

    \b
    Example:
      ocpp-actors id-tags show TAG1
    """  # noqa: D301
    print_item(api.get(_path(id_tag)), as_json=as_json)


def _decision(command: Command) -> Command:
    for option in (
        click.option(
            "--max-active-transactions",
            "maximum",
            metavar="N",
            help="How many transactions it may have at a time; none: no limit.",
        ),
        click.option("--parent", metavar="IDTAG", help="Its parent idTag, or none."),
        click.option(
            "--expires", metavar="DATE-TIME", help="When it expires, such as 2027-01-01T00:00:00Z, or none."
        ),
        click.option(
            "--status",
            type=click.Choice(STATUSES),
            help="What a charge point is answered. A new one is Accepted.",
        ),
    ):
        command = option(command)
    return command


def _fields(
    status: str | None, expires: str | None, parent: str | None, maximum: str | None
) -> dict[str, Any]:
    if maximum is not None and maximum != NONE and not maximum.isdecimal():
        raise click.UsageError("--max-active-transactions takes a whole number, or none.")
    given = {
        "status": status,
        "expiryDate": expires,
        "parentIdTag": parent,
        "maxActiveTransactions": int(maximum) if maximum not in (None, NONE) else maximum,
    }
    return {name: None if value == NONE else value for name, value in given.items() if value is not None}


@id_tags.command()
@click.argument("id_tag", metavar="IDTAG")
@_decision
@as_json
@with_api
def add(api: "Api", id_tag: str, as_json: bool, **options: str | None) -> None:
    """Add an idTag.

    \b
    Examples:
      ocpp-actors id-tags add TAG1
      ocpp-actors id-tags add TAG2 --expires 2027-01-01T00:00:00Z --parent FLEET
    """  # noqa: D301
    try:
        added, _ = api.send(
            "PUT", _path(id_tag), _put_body(_fields(**options)), headers={"If-None-Match": "*"}
        )
    except Problem as problem:
        if problem.kind != "version-conflict":
            raise
        raise ApiFailure(
            f"there is an idTag {id_tag} already: change it with ocpp-actors id-tags set"
        ) from None
    print_item(added, as_json=as_json)


@id_tags.command("set")
@click.argument("id_tag", metavar="IDTAG")
@_decision
@as_json
@with_api
def change(api: "Api", id_tag: str, as_json: bool, **options: str | None) -> None:
    """Change an idTag; what is not given stays as it is.

    \b
    Examples:
      ocpp-actors id-tags set TAG1 --status Blocked
      ocpp-actors id-tags set TAG1 --expires none
    """  # noqa: D301
    changes = _fields(**options)
    if not changes:
        raise click.UsageError(
            "Nothing to change: give --status, --expires, --parent or --max-active-transactions."
        )
    path = _path(id_tag)
    try:
        present, etag = api.send("GET", path)
    except Problem as problem:
        if problem.kind != "not-found":
            raise
        raise ApiFailure(f"there is no idTag {id_tag}: add it with ocpp-actors id-tags add") from None
    headers = {"If-Match": etag} if etag else {}
    try:
        changed, _ = api.send("PUT", path, _put_body(present | changes), headers=headers)
    except Problem as problem:
        if problem.kind != "version-conflict":
            raise
        now = api.get(path)
        told = ", ".join(f"{name} {now[name]}" for name in FIELDS[1:] if now.get(name) is not None)
        raise ApiFailure(
            f"somebody else changed {id_tag} in the same moment, to {told}; it stays like that: try again"
        ) from None
    print_item(changed, as_json=as_json)


def _put_body(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in FIELDS[1:] if fields.get(name) is not None}


@id_tags.command()
@click.argument("id_tag", metavar="IDTAG")
@with_api
def remove(api: "Api", id_tag: str) -> None:
    """Forget an idTag. Its transactions stay.

    \b
    Example:
      ocpp-actors id-tags remove TAG1
    """  # noqa: D301
    api.send("DELETE", _path(id_tag))


@id_tags.command()
@with_api
def export(api: "Api") -> None:
    """Print all idTags as CSV, which id-tags import reads.

    \b
    Example:
      ocpp-actors id-tags export > id-tags.csv
    """  # noqa: D301
    print_csv(FIELDS)
    for item in api.items("/id-tags"):
        print_csv(item.get(name) for name in FIELDS)


@id_tags.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@with_api
def read(api: "Api", file: TextIO) -> int:
    """Add the idTags of a CSV file, or replace them. FILE (- is the standard input) has a line of headers.

    Its columns are idTag, status, expiryDate, parentIdTag and maxActiveTransactions; all but the first may be missing
    or empty. A line that the server refuses is told, the others are carried out; then it ends with 1.

    \b
    Example:
      ocpp-actors id-tags import id-tags.csv
    """  # noqa: D301
    rows = csv.DictReader(file, strict=True)
    done = refused = 0
    try:
        unknown = sorted({str(name) for name in rows.fieldnames or ()} - set(FIELDS))
        if unknown or "idTag" not in (rows.fieldnames or ()):
            wrong = f"unknown: {', '.join(unknown)}" if unknown else "idTag is missing"
            raise ApiFailure(f"the columns of {file.name} are {', '.join(FIELDS)}; {wrong}", MISTAKE)
        for row in rows:
            try:
                _import(api, row)
                done += 1
            except (Problem, ValueError) as error:
                reason = error.format_message() if isinstance(error, Problem) else str(error)
                tell(f"line {rows.line_num}: {reason}")
                refused += 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise ApiFailure(
            f"{file.name} is not CSV in UTF-8: {error}; {done} idTags were stored before", MISTAKE
        ) from None
    tell(f"{done} stored, {refused} refused")
    return NOT_NOW if refused else 0


def _import(api: "Api", row: dict[str, Any]) -> None:
    """Store one line. Raises Problem; ValueError: it cannot be read."""
    if None in row:
        raise ValueError("it has more cells than there are columns")
    if not row["idTag"]:
        raise ValueError("it has no idTag")
    fields: dict[str, Any] = {name: value for name, value in row.items() if value}
    if "maxActiveTransactions" in fields:
        fields["maxActiveTransactions"] = int(fields["maxActiveTransactions"])
    api.send("PUT", _path(fields["idTag"]), _put_body(fields))
