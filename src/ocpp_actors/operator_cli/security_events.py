"""``ocpp-actors security-events``."""

from typing import TYPE_CHECKING, Final

import rich_click as click

from ocpp_actors.operator_cli.options import as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_items

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

ORIGINS: Final = ("chargePoint", "centralSystem")


@click.command("security-events")
@click.option("--charge-point", metavar="IDENTITY", help="Only those of this charge point.")
@click.option("--type", "type_", metavar="TYPE", help="Only those of this type, such as InvalidTLSVersion.")
@click.option("--origin", type=click.Choice(ORIGINS), help="Only those that this side noticed.")
@limit
@as_json
@with_api
def security_events(
    api: "Api",
    charge_point: str | None,
    type_: str | None,
    origin: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List security events, newest first: those that charge points reported, and those that the server noticed.

    Whose a refused TLS handshake was is not known: such an event names no charge point.

    \b
    Examples:
      ocpp-actors security-events --limit 20
      ocpp-actors security-events --origin centralSystem --charge-point CP1
      ocpp-actors security-events --json | jq -r .type | sort | uniq -c
    """  # noqa: D301
    print_items(
        api.items("/security-events", limit, chargePoint=charge_point, type=type_, origin=origin),
        {
            "RECEIVED": "receivedAt",
            "HAPPENED": "timestamp",
            "CHARGE POINT": "chargePoint",
            "TYPE": "type",
            "NOTICED BY": "origin",
            "DETAILS": "techInfo",
        },
        as_json=as_json,
    )
