"""``ocpp-actors charge-points certificates`` and ``revoke-certificate``."""

from typing import TYPE_CHECKING

import rich_click as click

from ocpp_actors.operator_cli.charge_points import path_of
from ocpp_actors.operator_cli.options import as_json, with_api
from ocpp_actors.operator_cli.output import print_item, print_items

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api


@click.command()
@click.argument("identity")
@click.option("--requests", is_flag=True, help="What it asked to be signed, instead.")
@as_json
@with_api
def certificates(api: "Api", identity: str, requests: bool, as_json: bool) -> None:
    """List the certificates that were signed for a charge point, the newest first.

    \b
    Examples:
      ocpp-actors charge-points certificates CP1
      ocpp-actors charge-points certificates CP1 --requests --json | jq -r .csr
    """  # noqa: D301
    found = api.get(f"{path_of(identity)}/certificates")
    if requests:
        columns = {"ID": "requestId", "RECEIVED": "receivedAt"}
        print_items(found["signingRequests"], columns, as_json=as_json)
        return
    print_items(
        found["certificates"],
        {
            "ID": "id",
            "STATE": "state",
            "SUBJECT": "subject",
            "SERIAL NUMBER": "serialNumber",
            "FROM": "notBefore",
            "UNTIL": "notAfter",
            "FINGERPRINT": "fingerprint",
        },
        as_json=as_json,
    )


@click.command("revoke-certificate")
@click.argument("identity")
@click.argument("certificate", metavar="ID", type=click.IntRange(min=1))
@as_json
@with_api
def revoke_certificate(api: "Api", identity: str, certificate: int, as_json: bool) -> None:
    """Let nobody in with a certificate again, and close the connection that was. That cannot be undone.

    \b
    Example:
      ocpp-actors charge-points revoke-certificate CP1 4
    """  # noqa: D301
    path = f"{path_of(identity)}/certificates/{certificate}/revocation"
    print_item(api.send("POST", path)[0], as_json=as_json)
