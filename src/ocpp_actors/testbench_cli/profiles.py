"""``ocpp-actors testbench list`` and ``new``: the profiles and scenarios that there are, and a profile to edit."""

from pathlib import Path

import rich_click as click

from ocpp_actors.operator_cli.output import print_items
from ocpp_actors.testbench_cli.mistakes import telling_mistakes


@click.command("list")
@click.argument("what", type=click.Choice(["profiles", "scenarios"]), required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON, an object a line.")
@telling_mistakes
def list_all(what: str | None, as_json: bool) -> None:
    """List the profiles and the scenarios that are shipped.

    \b
    Examples:
      ocpp-actors testbench list
      ocpp-actors testbench list scenarios --json
    """  # noqa: D301
    from ocpp_actors.testbench.profiles.reading import shipped
    from ocpp_actors.testbench.scenario import catalogue

    if what != "scenarios":
        profiles = [{"profile": each.name, "title": each.title} for each in shipped()]
        print_items(profiles, {"PROFILE": "profile", "TITLE": "title"}, as_json=as_json)
    if what is None and not as_json:
        click.echo()
    if what != "profiles":
        scenarios = [
            {
                "scenario": each.name,
                "group": each.group,
                "case": each.case,
                "needs": sorted([*each.needs, *each.features]),
                "title": each.title,
            }
            for each in catalogue().values()
        ]
        columns = {"SCENARIO": "scenario", "GROUP": "group", "CASE": "case", "TITLE": "title"}
        print_items(scenarios, columns, as_json=as_json)


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="PROFILE",
    help="A copy of this shipped profile, instead of one with all keys.",
)
@telling_mistakes
def new(name: str, source: str | None) -> None:
    """Write a profile to edit, as NAME.toml in this directory.

    \b
    Examples:
      ocpp-actors testbench new mine
      ocpp-actors testbench new storm --from reconnect-storm
    """  # noqa: D301
    from ocpp_actors.testbench.profiles.reading import template, text_of

    if not name.removesuffix(".toml"):
        raise click.UsageError("the profile needs a name, such as mine")
    path = Path(name if name.endswith(".toml") else f"{name}.toml")
    text = template() if source is None else text_of(source)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already: take another name") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None
    where = path if "/" in str(path) else f"./{path}"
    click.echo(f"{path} is written; run it with: ocpp-actors testbench run {where}")
