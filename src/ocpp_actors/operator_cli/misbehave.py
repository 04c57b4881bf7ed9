"""``ocpp-actors charge-points misbehave``: answers to a charge point are broken on purpose."""

from typing import TYPE_CHECKING, Any, Final

import rich_click as click
from attrs import frozen

from ocpp_actors.operator_cli.charge_points import path_of
from ocpp_actors.operator_cli.options import Command, as_json, with_api
from ocpp_actors.operator_cli.output import print_items

if TYPE_CHECKING:
    from ocpp_actors.operator_cli.api import Api

ANY: Final = "any"


@frozen
class _Kind:
    """A kind of misbehaviour: its option, its name in the API, and what may stand behind the action."""

    option: str
    name: str
    help: str
    takes: str | None = None
    read: type = str
    metavar: str = ""

    def rule(self, text: str) -> dict[str, Any]:
        """Return the rule that ``ACTION`` or ``ACTION=VALUE`` stands for.

        Raises BadParameter: the value is missing, not wanted, or none.
        """
        action, given, value = text.partition("=")
        rule = {"kind": self.name} | ({} if action == ANY else {"action": action})
        if not given:
            return rule
        if self.takes is None:
            raise click.BadParameter(f"{self.option} takes an action only, not {text}")
        try:
            return rule | {self.takes: self.read(value)}
        except ValueError:
            raise click.BadParameter(f"{self.option} {text}: {value!r} is no number") from None


KINDS: Final = (
    _Kind("--crash", "crash", "Crash instead of handling the message."),
    _Kind("--cut", "cut", "Drop the connection instead of answering."),
    _Kind("--close", "close", "Close the connection, with 1011 or this code.", "closeCode", int, "CODE"),
    _Kind("--drop", "drop", "Do not answer."),
    _Kind(
        "--call-error",
        "callError",
        "Answer with a CALLERROR, InternalError or this one.",
        "errorCode",
        str,
        "ERROR",
    ),
    _Kind("--wrong-id", "wrongId", "Answer under another message id."),
    _Kind("--malformed", "malformed", "Answer with half a JSON."),
    _Kind("--invalid", "invalid", "Answer with what breaks the schema."),
    _Kind("--duplicate", "duplicate", "Answer twice."),
    _Kind(
        "--stall", "stall", "Read and write nothing for 5 seconds, or so many.", "seconds", float, "SECONDS"
    ),
    _Kind("--delay", "delay", "Answer 5 seconds later, or so many.", "seconds", float, "SECONDS"),
)
"""In the order in which they are tried, those for an action before those for any."""


def _kinds(command: Command) -> Command:
    for kind in reversed(KINDS):
        metavar = f"ACTION[={kind.metavar}]" if kind.takes else "ACTION"
        command = click.option(
            kind.option, kind.name, multiple=True, metavar=metavar, help=kind.help, panel="Kinds"
        )(command)
    return command


@click.command()
@click.argument("identity")
@_kinds
@click.option(
    "--probability",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="How often each applies, from 0 to 1; always.",
)
@click.option(
    "--times", type=click.IntRange(min=1), metavar="N", help="After how many answers each no longer applies."
)
@click.option("--behave", is_flag=True, help="End it.")
@as_json
@with_api
def misbehave(
    api: "Api",
    identity: str,
    probability: float | None,
    times: int | None,
    behave: bool,
    as_json: bool,
    **chosen: tuple[str, ...],
) -> None:
    """Break answers to a charge point on purpose, from its next message on; the server must run with TESTING=on.

    ACTION is that of the message that is answered, or any. What is given takes the place of what was given before; with
    nothing the present rules are shown, and how often each was applied. At most one rule applies to an answer: one for
    its action before one for any, then the first in the order of the kinds below. What the message says is recorded all
    the same, unless it is to crash.

    \b
    Examples:
      ocpp-actors charge-points misbehave CP1 --drop StartTransaction --times 1
      ocpp-actors charge-points misbehave CP1 --delay Heartbeat=5 --call-error MeterValues=GenericError
      ocpp-actors charge-points misbehave CP1 --cut any --probability 0.1
      ocpp-actors charge-points misbehave CP1
      ocpp-actors charge-points misbehave CP1 --behave
    """  # noqa: D301
    common = {"probability": probability, "times": times}
    limits = {name: value for name, value in common.items() if value is not None}
    rules = [kind.rule(text) | limits for kind in KINDS for text in chosen[kind.name]]
    rules.sort(key=lambda rule: "action" not in rule)
    path = f"{path_of(identity)}/misbehaviour"
    if behave:
        if rules:
            raise click.UsageError("--behave does not go together with a kind.")
        api.send("DELETE", path)
        return
    if limits and not rules:
        raise click.UsageError("Give a kind too, such as --drop any.")
    shown = api.send("PUT", path, {"rules": rules})[0] if rules else api.get(path)
    print_items(
        shown["rules"],
        {
            "KIND": "kind",
            "ACTION": lambda rule: rule["action"] or ANY,
            "PROBABILITY": "probability",
            "TIMES": "times",
            "WITH": lambda rule: rule["seconds"] or rule["errorCode"] or rule["closeCode"],
            "APPLIED": "applied",
        },
        as_json=as_json,
    )
