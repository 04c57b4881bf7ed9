"""``ocpp-actors call``: one command to one charge point."""

import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import rich_click as click

from ocpp_actors.operator_cli.charge_points import path_of
from ocpp_actors.operator_cli.failures import Problem
from ocpp_actors.operator_cli.options import as_json, with_api
from ocpp_actors.operator_cli.output import print_json, tell

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

LONGEST_TTL = 30 * 86_400


@click.command()
@click.argument("identity")
@click.argument("action")
@click.argument("request_parts", metavar="[REQUEST]...", nargs=-1)
@click.option(
    "--queue",
    is_flag=True,
    help="Keep it until the charge point can be asked, also across a restart of the server.",
)
@click.option(
    "--ttl",
    type=click.IntRange(1, LONGEST_TTL),
    metavar="SECONDS",
    help="How long --queue keeps it. Default: a day.",
)
@as_json
@with_api
def call(
    api: "Api",
    identity: str,
    action: str,
    request_parts: tuple[str, ...],
    queue: bool,
    ttl: int | None,
    as_json: bool,
) -> None:
    """Ask a charge point something, and print its answer.

    REQUEST is the payload of the action as JSON, - to read it from the standard input, or its fields as NAME=VALUE;
    ocpp-actors schema ACTION shows them. Ends with 0 if the charge point answered, whatever it said; with 1 if it
    answered with a CALLERROR, not properly or not at all, or if OCPP or the charge point's state forbid the question;
    with 2 if the question is not valid.

    \b
    Examples:
      ocpp-actors call CP1 Reset type=Soft
      ocpp-actors call CP1 ChangeConfiguration key=HeartbeatInterval value=60
      ocpp-actors call CP1 RemoteStartTransaction '{"connectorId": 1, "idTag": "TAG1"}'
      ocpp-actors call CP1 SetChargingProfile - < profile.json
      ocpp-actors call CP1 UpdateFirmware --queue --ttl 3600 - < update.json
    """  # noqa: D301
    if ttl is not None and not queue:
        raise click.UsageError("--ttl goes with --queue.")
    request = read_request(action, request_parts)
    params = {"wait": "queue", "ttl": ttl} if queue else {}
    send_call(api, f"{path_of(identity)}/calls/{action}", request, params=params, as_json=as_json)


def send_call(
    api: "Api", path: str, request: object, *, params: Mapping[str, object] | None = None, as_json: bool
) -> None:
    """Have the server ask a charge point, and print the answer, or with JSON also the problem. Raises ApiFailure."""
    try:
        answer, _ = api.send("POST", path, request, params=params, patient=True)
    except Problem as problem:
        if as_json:
            print_json(problem.document)
        raise
    if as_json:
        print_json(answer)
    elif answer["status"] == "waiting":
        tell(f"waiting as call {answer['callId']} until {answer['expiresAt']}")
    else:
        print_json(answer["response"], indent=2)


def read_request(action: str, parts: Sequence[str]) -> dict[str, Any]:
    """Return the payload that the arguments of the command line mean. It is not judged, the server does that.

    Raises click.UsageError: no central system sends this action, or the arguments cannot be read.
    """
    from ocpp_actors.protocol.catalogue import ACTIONS, Role
    from ocpp_actors.protocol.schemas import schema

    known = {name: each for name, each in ACTIONS.items() if Role.CENTRAL_SYSTEM in each.senders}
    if action not in known:
        by_lower = {name.lower(): name for name in known}
        near = difflib.get_close_matches(action.lower(), by_lower, n=1)
        suggestion = "".join(f"; did you mean {by_lower[each]}?" for each in near)
        raise click.UsageError(f"a central system has no action {action!r} to send{suggestion}")
    if len(parts) == 1 and (parts[0] == "-" or parts[0].lstrip().startswith(("{", "["))):
        return read_object(sys.stdin.read() if parts[0] == "-" else parts[0], "the request")
    properties = schema(known[action].request)["properties"]
    request: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{part!r} is neither JSON in one piece nor NAME=VALUE")
        if name in request:
            raise click.UsageError(f"{name} is given twice")
        request[name] = value if properties.get(name, {}).get("type") == "string" else _as_json_value(value)
    return request


def read_object(text: str | bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in a text. Raises click.UsageError: there is none."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise click.UsageError(f"{what} is not a JSON object")
    return value


def _as_json_value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
