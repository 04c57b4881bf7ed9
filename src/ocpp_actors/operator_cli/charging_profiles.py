"""``ocpp-actors charging-profiles``."""

from typing import TYPE_CHECKING, Any, BinaryIO

import rich_click as click

from ocpp_actors.operator_cli.call import read_object, send_call
from ocpp_actors.operator_cli.charge_points import path_of
from ocpp_actors.operator_cli.options import Listing, as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_item, print_items, print_json

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api


@click.group("charging-profiles", cls=Listing)
def charging_profiles() -> None:
    """Keep charging profiles under names, and send them to charge points. Without a command: list.

    \b
    Examples:
      ocpp-actors charging-profiles
      ocpp-actors charging-profiles set night night.json
      ocpp-actors charging-profiles send CP1 night --connector 0
    """  # noqa: D301


def _path(name: str) -> str:
    from ocpp_actors.operator_cli.api import segment

    return f"/charging-profiles/{segment(name)}"


@charging_profiles.command("list")
@limit
@as_json
@with_api
def list_all(api: "Api", limit: int | None, as_json: bool) -> None:
    """List the profiles by name.

    \b
    Example:
      ocpp-actors charging-profiles list
    """  # noqa: D301
    print_items(
        api.items("/charging-profiles", limit),
        {
            "NAME": "name",
            "ID": _field("chargingProfileId"),
            "PURPOSE": _field("chargingProfilePurpose"),
            "KIND": _field("chargingProfileKind"),
            "STACK LEVEL": _field("stackLevel"),
            "VERSION": "version",
        },
        as_json=as_json,
    )


def _field(name: str) -> Any:
    return lambda item: item["profile"].get(name)


@charging_profiles.command()
@click.argument("name")
@as_json
@with_api
def show(api: "Api", name: str, as_json: bool) -> None:
    """Print a profile as charging-profiles set takes it; with --json also its name and version.

    \b
    Example:
      ocpp-actors charging-profiles show night > night.json
    """  # noqa: D301
    item = api.get(_path(name))
    if as_json:
        print_json(item)
    else:
        print_json(item["profile"], indent=2)


@charging_profiles.command("set")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@as_json
@with_api
def put(api: "Api", name: str, file: BinaryIO, as_json: bool) -> None:
    """Keep a profile under a name, in place of an earlier one. FILE (- is the standard input) is a ChargingProfile.

    Charge points that got the earlier one keep it: send it to them again.

    \b
    Example:
      ocpp-actors charging-profiles set night night.json
    """  # noqa: D301
    kept, _ = api.send("PUT", _path(name), read_object(file.read(), f"the profile in {file.name}"))
    print_item(kept, as_json=as_json)


@charging_profiles.command()
@click.argument("name")
@with_api
def remove(api: "Api", name: str) -> None:
    """Forget a profile. Charge points that got it keep it.

    \b
    Example:
      ocpp-actors charging-profiles remove night
    """  # noqa: D301
    api.send("DELETE", _path(name))


@charging_profiles.command()
@click.argument("identity")
@click.argument("name", required=False)
@click.option(
    "--file",
    type=click.File("rb"),
    metavar="FILE",
    help="A ChargingProfile in JSON instead of a name; - reads the standard input.",
)
@click.option(
    "--connector",
    type=click.IntRange(min=0),
    required=True,
    metavar="N",
    help="Which connector; 0: the whole charge point.",
)
@click.option(
    "--transaction", type=click.IntRange(min=1), metavar="ID", help="The transaction that a TxProfile is for."
)
@as_json
@with_api
def send(
    api: "Api",
    identity: str,
    name: str | None,
    file: BinaryIO | None,
    connector: int,
    transaction: int | None,
    as_json: bool,
) -> None:
    """Send a profile to a charge point, and print its answer. Its exit status is that of ocpp-actors call.

    \b
    Examples:
      ocpp-actors charging-profiles send CP1 night --connector 0
      ocpp-actors charging-profiles send CP1 --file slow.json --connector 1 --transaction 42
    """  # noqa: D301
    if (name is None) is (file is None):
        raise click.UsageError("Give the NAME of a profile, or --file.")
    body: dict[str, Any] = {"connectorId": connector}
    if file is not None:
        body["profile"] = read_object(file.read(), f"the profile in {file.name}")
    else:
        body["name"] = name
    if transaction is not None:
        body["transactionId"] = transaction
    send_call(api, f"{path_of(identity)}/charging-profiles", body, as_json=as_json)
