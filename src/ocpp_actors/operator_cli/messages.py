"""``ocpp-actors messages``: the frames that went to and fro, as they were recorded or as they come."""

import json
from collections import OrderedDict, deque
from contextlib import closing
from time import sleep
from typing import TYPE_CHECKING, Any, Final

import rich_click as click
from attrs import define, field

from ocpp_actors.logs import printable
from ocpp_actors.operator_cli.event_stream import follow as follow_events
from ocpp_actors.operator_cli.options import as_json, with_api
from ocpp_actors.operator_cli.output import print_json, tell

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

NEWEST: Final = 100
"""Messages that are shown where neither a number nor a beginning is given."""

REMEMBERED: Final = 10_000
"""CALLs whose action is remembered for their answers, while messages are followed."""


@click.command()
@click.option("--follow", is_flag=True, help="Go on with messages as they come, until Ctrl-C.")
@click.option("--charge-point", metavar="IDENTITY", help="Only those of this charge point.")
@click.option("--direction", type=click.Choice(["in", "out"]), help="in: from the charge point; out: to it.")
@click.option("--action", metavar="ACTION", help="Only CALLs of this action, and their answers.")
@click.option("--search", metavar="TEXT", help="Only those with this in the frame, in capitals or not.")
@click.option("--since", metavar="DATE-TIME", help="Only those from then on, such as 2026-03-01T12:00:00Z.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"The newest so many; by default {NEWEST}, with --since all.",
)
@as_json
@with_api
def messages(
    api: "Api", follow: bool, limit: int | None, since: str | None, as_json: bool, **filters: str | None
) -> None:
    """Print recorded messages, the newest last: when, charge point, direction, frame.

    With --follow messages are shown as they come; recorded ones come before them only if --since or --limit is given.
    A connection to the server that breaks is taken up again without a gap where the server still can; otherwise the
    gap is told.

    \b
    Examples:
      ocpp-actors messages --charge-point CP1
      ocpp-actors messages --follow --action StatusNotification
      ocpp-actors messages --since 2026-03-01T12:00:00Z --json > messages.jsonl
    """  # noqa: D301
    if follow:
        _follow(api, limit, since, filters, as_json)
        return
    for message in _recorded(api, limit, since, filters):
        _print(message, as_json)


def _recorded(api: "Api", limit: int | None, since: str | None, filters: dict[str, str | None]) -> Any:
    """Return what was recorded, oldest first."""
    params: dict[str, Any] = {
        "chargePoint": filters["charge_point"],
        "direction": filters["direction"],
        "action": filters["action"],
        "search": filters["search"],
        "since": since,
    }
    if since is not None and limit is None:
        return api.items("/messages", order="oldest", **params)
    return reversed(list(api.items("/messages", limit or NEWEST, order="newest", **params)))


def _follow(
    api: "Api", limit: int | None, since: str | None, filters: dict[str, str | None], as_json: bool
) -> None:
    wanted = Wanted(filters["direction"], filters["action"], filters["search"])
    printed: deque[object] = deque(maxlen=REMEMBERED)

    def show_recorded() -> None:
        if since is not None or limit is not None:
            for message in _recorded(api, limit, since, filters):
                printed.append(_key(message))
                _print(message, as_json)

    params = {"types": "message", "chargePoint": filters["charge_point"]}
    try:
        with closing(
            follow_events(api, params, tell=tell, sleep=sleep, on_connected=show_recorded)
        ) as events:
            for event in events:
                data = json.loads(event.data)
                if event.type != "message":
                    tell(f"messages are missing here: {data.get('reason', event.type)}")
                elif wanted(data) and _key(data) not in printed:
                    _print(data, as_json)
    except KeyboardInterrupt:
        return


def _key(message: dict[str, Any]) -> object:
    return message["at"], message["chargePoint"], message["direction"], message["frame"]


def _print(message: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(message)
        return
    verdict = message.get("verdict")
    words = f"  ! {verdict if isinstance(verdict, str) else json.dumps(verdict)}" if verdict else ""
    line = f"{message['at']}  {message['chargePoint']}  {message['direction']:<3}  {message['frame']}{words}"
    click.echo(printable(line))


@define
class Wanted:
    """Decides which live messages are shown, as the API does for recorded ones."""

    direction: str | None
    action: str | None
    search: str | None
    _calls: OrderedDict[tuple[str, str, str], str] = field(factory=OrderedDict)
    """Who asked (charge point, direction, message id) what."""

    def __call__(self, message: dict[str, Any]) -> bool:
        """Tell whether a message is shown; an answer has the action of its CALL, which must have been seen."""
        action = self._action(message) if self.action else None
        return (
            (self.direction is None or self.direction == message["direction"])
            and (self.action is None or self.action == action)
            and (self.search is None or self.search.casefold() in message["frame"].casefold())
        )

    def _action(self, message: dict[str, Any]) -> str | None:
        try:
            kind, message_id, *rest = json.loads(message["frame"])
        except (TypeError, ValueError):
            return None
        asker = message["direction"] if kind == 2 else "out" if message["direction"] == "in" else "in"
        key = (message["chargePoint"], asker, str(message_id))
        if kind != 2:
            return self._calls.pop(key, None)
        self._calls[key] = str(rest[0]) if rest else ""
        if len(self._calls) > REMEMBERED:
            self._calls.popitem(last=False)
        return self._calls[key]
