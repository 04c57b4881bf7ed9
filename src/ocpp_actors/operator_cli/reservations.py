"""``ocpp-actors reservations``."""

from typing import TYPE_CHECKING

import rich_click as click

from ocpp_actors.operator_cli.charge_points import path_of
from ocpp_actors.operator_cli.failures import NOT_NOW
from ocpp_actors.operator_cli.options import Listing, as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_item, print_items

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

identifier = click.argument("reservation", metavar="ID", type=click.IntRange(min=1))


@click.group(cls=Listing)
def reservations() -> None:
    """List reservations, make and cancel them. Without a command: list.

    \b
    Examples:
      ocpp-actors reservations --active
      ocpp-actors reservations add CP1 --connector 1 --id-tag TAG1 --expires 2026-03-01T18:00:00Z
      ocpp-actors reservations cancel 3
    """  # noqa: D301


@reservations.command("list")
@click.option("--charge-point", metavar="IDENTITY", help="Only those of this charge point.")
@click.option("--active/--over", default=None, help="Only those that hold a connector, or no longer do.")
@limit
@as_json
@with_api
def list_all(
    api: "Api", charge_point: str | None, active: bool | None, limit: int | None, as_json: bool
) -> None:
    """List reservations.

    \b
    Example:
      ocpp-actors reservations list --charge-point CP1
    """  # noqa: D301
    print_items(
        api.items("/reservations", limit, chargePoint=charge_point, active=active),
        {
            "ID": "id",
            "CHARGE POINT": "chargePoint",
            "CONNECTOR": "connectorId",
            "ID TAG": "idTag",
            "EXPIRES": "expiryDate",
            "STATUS": "status",
            "TRANSACTION": "transactionId",
        },
        as_json=as_json,
    )


@reservations.command()
@identifier
@as_json
@with_api
def show(api: "Api", reservation: int, as_json: bool) -> None:
    """Show one reservation.

    \b
    Example:
      ocpp-actors reservations show 3
    """  # noqa: D301
    print_item(api.get(f"/reservations/{reservation}"), as_json=as_json)


@reservations.command()
@click.argument("identity")
@click.option(
    "--connector", type=click.IntRange(min=0), required=True, metavar="N", help="Which connector; 0: any."
)
@click.option("--id-tag", required=True, metavar="IDTAG", help="For whom.")
@click.option("--parent-id-tag", metavar="IDTAG", help="Or for whoever has this parent.")
@click.option(
    "--expires", required=True, metavar="DATE-TIME", help="Until when, such as 2026-03-01T18:00:00Z."
)
@as_json
@with_api
def add(
    api: "Api",
    identity: str,
    connector: int,
    id_tag: str,
    parent_id_tag: str | None,
    expires: str,
    as_json: bool,
) -> int:
    """Have a charge point reserve a connector, and print the reservation. Ends with 1 if it does not hold one.

    \b
    Example:
      ocpp-actors reservations add CP1 --connector 1 --id-tag TAG1 --expires 2026-03-01T18:00:00Z
    """  # noqa: D301
    body = {"connectorId": connector, "idTag": id_tag, "expiryDate": expires}
    if parent_id_tag is not None:
        body["parentIdTag"] = parent_id_tag
    made, _ = api.send("POST", f"{path_of(identity)}/reservations", body, patient=True)
    print_item(made, as_json=as_json)
    return 0 if made["status"] == "Accepted" else NOT_NOW


@reservations.command()
@identifier
@as_json
@with_api
def cancel(api: "Api", reservation: int, as_json: bool) -> None:
    """Have the charge point cancel a reservation.

    \b
    Example:
      ocpp-actors reservations cancel 3
    """  # noqa: D301
    cancelled, _ = api.send("DELETE", f"/reservations/{reservation}", patient=True)
    print_item(cancelled, as_json=as_json)
