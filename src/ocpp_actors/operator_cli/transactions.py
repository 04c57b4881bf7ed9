"""``ocpp-actors transactions``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import rich_click as click

from ocpp_actors.operator_cli.options import Listing, as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_item, print_items, print_text

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

CSV = "text/csv"

as_csv = click.option("--csv", "as_csv", is_flag=True, help="CSV, as the API exports it.")


@click.group(cls=Listing)
def transactions() -> None:
    """List transactions, and show what was metered. Without a command: list.

    \b
    Examples:
      ocpp-actors transactions --active
      ocpp-actors transactions --charge-point CP1 --csv > transactions.csv
      ocpp-actors transactions show 42
      ocpp-actors transactions meter-values 42
    """  # noqa: D301


@transactions.command("list")
@click.option("--charge-point", metavar="IDENTITY", help="Only those of this charge point.")
@click.option("--id-tag", metavar="IDTAG", help="Only those that this idTag started.")
@click.option("--active/--stopped", default=None, help="Only those that are going on, or are over.")
@limit
@as_csv
@as_json
@with_api
def list_all(
    api: "Api",
    charge_point: str | None,
    id_tag: str | None,
    active: bool | None,
    limit: int | None,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List transactions, newest first.

    \b
    Examples:
      ocpp-actors transactions list --id-tag TAG1 --limit 10
      ocpp-actors transactions list --stopped --csv > transactions.csv
    """  # noqa: D301
    filters = {"chargePoint": charge_point, "idTag": id_tag, "active": active}
    if as_csv:
        _export(api, "/transactions", filters, as_json, limit)
        return
    print_items(
        api.items("/transactions", limit, **filters),
        {
            "ID": "id",
            "CHARGE POINT": "chargePoint",
            "CONNECTOR": "connectorId",
            "ID TAG": "idTag",
            "STARTED": "startedAt",
            "STOPPED": "stoppedAt",
            "REASON": "stopReason",
            "ENERGY WH": "energyWh",
            "POWER W": "powerW",
        },
        as_json=as_json,
    )


@transactions.command()
@click.argument("transaction", metavar="ID", type=click.IntRange(min=1))
@as_json
@with_api
def show(api: "Api", transaction: int, as_json: bool) -> None:
    """Show one transaction.

    \b
    Example:
      ocpp-actors transactions show 42
    """  # noqa: D301
    print_item(api.get(f"/transactions/{transaction}"), as_json=as_json)


@transactions.command("meter-values")
@click.argument("transaction", metavar="ID", type=click.IntRange(min=1))
@limit
@as_csv
@as_json
@with_api
def meter_values(api: "Api", transaction: int, limit: int | None, as_csv: bool, as_json: bool) -> None:
    """List what was metered during a transaction, and the energy and power read from it.

    \b
    Examples:
      ocpp-actors transactions meter-values 42
      ocpp-actors transactions meter-values 42 --csv > 42.csv
    """  # noqa: D301
    path = f"/transactions/{transaction}/meter-values"
    if as_csv:
        _export(api, path, {}, as_json, limit)
        return
    columns = {"RECEIVED": "receivedAt", "SOURCE": "source", "ENERGY WH": "energyWh", "POWER W": "powerW"}
    print_items(api.items(path, limit), columns, as_json=as_json)


def _export(api: "Api", path: str, filters: Mapping[str, object], as_json: bool, limit: int | None) -> None:
    if as_json or limit is not None:
        raise click.UsageError("--csv exports all that match: it does not go with --json and --limit.")
    with api.stream(path, CSV, params=filters) as chunks:
        print_text(chunks)
