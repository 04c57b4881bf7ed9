"""``ocpp-actors calls``: what became of the operators' commands."""

from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from ocpp_actors.operator_cli.options import Listing, as_json, limit, with_api
from ocpp_actors.operator_cli.output import print_item, print_items

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

STATES: Final = (
    "waiting", "sent", "answered", "callError", "invalid", "timeout", "lost", "expired", "unknown",
)  # fmt: skip


@click.group(cls=Listing)
def calls() -> None:
    """List what charge points were asked, by whom, and what came of it. Without a command: list.

    \b
    Examples:
      ocpp-actors calls --charge-point CP1 --limit 20
      ocpp-actors calls --state waiting
      ocpp-actors calls show 17
    """  # noqa: D301


@calls.command("list")
@click.option("--charge-point", metavar="IDENTITY", help="Only those to this charge point.")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@limit
@as_json
@with_api
def list_all(
    api: "Api", charge_point: str | None, state: str | None, limit: int | None, as_json: bool
) -> None:
    """List calls, newest first.

    \b
    Examples:
      ocpp-actors calls list --state timeout
      ocpp-actors calls list --json | jq -r .status | sort | uniq -c
    """  # noqa: D301
    print_items(
        api.items("/calls", limit, chargePoint=charge_point, state=state),
        {
            "ID": "callId",
            "REQUESTED": "requestedAt",
            "BY": "requestedBy",
            "CHARGE POINT": "chargePoint",
            "ACTION": "action",
            "STATUS": "status",
            "RESULT": _result,
            "SECONDS": "seconds",
        },
        as_json=as_json,
    )


def _result(call: dict[str, Any]) -> object:
    """Return what the charge point said, or why it said nothing, in a word."""
    response = call.get("response")
    if isinstance(response, dict):
        return response.get("status") or response
    return call.get("errorCode") or call.get("reason")


@calls.command()
@click.argument("call", metavar="ID", type=click.IntRange(min=1))
@as_json
@with_api
def show(api: "Api", call: int, as_json: bool) -> None:
    """Show one call with its request and its answer.

    \b
    Example:
      ocpp-actors calls show 17
    """  # noqa: D301
    print_item(api.get(f"/calls/{call}"), as_json=as_json)
