"""The commands of ``ocpp-actors``.

Every command ends with 0 (done), 1 (done, and the answer is no) or 2 (a user's mistake, told in one line).
"""

import difflib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import rich_click as click

from ocpp_actors import __version__, logs
from ocpp_actors.operator_cli.call import call
from ocpp_actors.operator_cli.calls import calls
from ocpp_actors.operator_cli.certificates import certificates, revoke_certificate
from ocpp_actors.operator_cli.charge_points import charge_points
from ocpp_actors.operator_cli.charging_profiles import charging_profiles
from ocpp_actors.operator_cli.failures import MISTAKE, ApiFailure
from ocpp_actors.operator_cli.id_tags import id_tags
from ocpp_actors.operator_cli.messages import messages
from ocpp_actors.operator_cli.misbehave import misbehave
from ocpp_actors.operator_cli.output import tell
from ocpp_actors.operator_cli.reservations import reservations
from ocpp_actors.operator_cli.security_events import security_events
from ocpp_actors.operator_cli.transactions import transactions
from ocpp_actors.operator_cli.upgrade import upgrade
from ocpp_actors.settings import PREFIX, SETTINGS, Setting, SettingsError, load_settings
from ocpp_actors.testbench_cli.group import testbench
from ocpp_actors.testbench_cli.replay import replay
from ocpp_actors.testbench_cli.simulate import simulate

_Command = Callable[..., Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status. ``arguments`` default to those of the process."""
    try:
        status = commands.main(arguments, prog_name="ocpp-actors", standalone_mode=False)
    except SettingsError as error:
        tell(str(error))
        return MISTAKE
    except click.ClickException as error:
        tell(error.format_message())
        return error.exit_status if isinstance(error, ApiFailure) else MISTAKE
    except click.Abort:
        return 1
    return status if isinstance(status, int) else 0


@click.group(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="ocpp-actors %(version)s")
def commands() -> None:
    """Run an OCPP 1.6J central system, and examine what charge points and it say."""


def _from_settings(command: _Command) -> _Command:
    for each in reversed(SETTINGS):
        if each.secret:
            command = click.option(
                f"{each.option}-file",
                metavar="FILE",
                panel=each.group,
                help=f"The file that holds {each.variable}. Environment: {PREFIX}{each.variable}_FILE.",
            )(command)
        command = click.option(each.option, metavar=_metavar(each), help=_help(each), panel=each.group)(
            command
        )
    return command


def _metavar(each: Setting) -> str:
    return each.unit.upper().replace(" ", "-") if each.unit else "VALUE"


def _help(each: Setting) -> str:
    text = f"{each.text} Allowed: {each.kind.allowed}. Default: {each.default}."
    return f"{text} Environment: {PREFIX}{each.variable}.".replace("`", "")


@commands.command()
@_from_settings
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"A TOML file with settings: heartbeat_interval = 60. Environment: {PREFIX}CONFIG.",
)
def serve(config: Path | None, **options: str | None) -> int:
    """Run the central system until SIGINT or SIGTERM.

    Options go before the environment, the environment before the file. All durations are in seconds.

    \b
    Examples:
      ocpp-actors serve
      ocpp-actors serve --port 8887 --heartbeat-interval 60
      ocpp-actors serve --host 0.0.0.0 --admission known --authorization known
    """  # noqa: D301
    settings = load_settings(options, os.environ, config)
    from ocpp_actors import app

    logs.configure(settings.log_format, settings.log_level, sys.stderr)
    os.umask(os.umask(0o077) | 0o007)  # what is recorded is nobody else's business
    return app.run(settings)


@commands.command()
@click.argument("file", type=click.File("rb"))
@click.option("--json", "as_json", is_flag=True, help="A JSON object per frame.")
def check(file: BinaryIO, as_json: bool) -> int:
    """Judge recorded frames, one per line: valid, or which rule, path and error code.

    FILE (- is the standard input) has frames as they were on the wire, or is a message log: JSON lines, or the SQLite
    file that is made by default. An answer is judged by the CALL that it answers, which must stand before it. Ends with
    1 if any frame is invalid.

    \b
    Examples:
      ocpp-actors check ocpp-actors-messages.db
      ocpp-actors check frames.txt
      echo '[2,"1","Authorize",{}]' | ocpp-actors check -
    """  # noqa: D301
    from ocpp_actors.check import check as judge
    from ocpp_actors.recorded import NotRecorded, recorded_lines

    counts = {"valid": 0, "invalid": 0, "unknown": 0}
    try:
        for verdict in judge(recorded_lines(file)):
            counts[verdict.verdict] += 1
            if as_json:
                click.echo(orjson.dumps(verdict.as_json()))
            else:
                for line in verdict.as_text():
                    click.echo(logs.printable(line))
    except NotRecorded as error:
        raise click.BadParameter(str(error)) from None
    if not as_json:
        click.echo("{valid} valid, {invalid} invalid, {unknown} that cannot be judged".format(**counts))
    return 1 if counts["invalid"] else 0


@commands.command()
@click.argument("action", required=False)
@click.option("--response", is_flag=True, help="The schema of the response instead of the request.")
@click.option("--json", "as_json", is_flag=True, help="The list of actions as JSON; a schema is JSON anyway.")
def schema(action: str | None, response: bool, as_json: bool) -> int:
    """Print the JSON Schema of a message, or without ACTION the list of all actions.

    \b
    Examples:
      ocpp-actors schema
      ocpp-actors schema BootNotification
      ocpp-actors schema BootNotification --response
    """  # noqa: D301
    from ocpp_actors.protocol.catalogue import ACTIONS
    from ocpp_actors.protocol.schemas import schema as schema_of

    if action is not None:
        if action not in ACTIONS:
            raise click.BadParameter(f"there is no action {action!r}{_nearest(action, ACTIONS)}")
        cls = ACTIONS[action].response if response else ACTIONS[action].request
        click.echo(json.dumps(schema_of(cls), indent=2))
        return 0
    rows = [(each.name, sorted(each.senders), each.profile) for each in ACTIONS.values()]
    if as_json:
        listed = [{"action": name, "sentBy": senders, "profile": profile} for name, senders, profile in rows]
        click.echo(json.dumps(listed, indent=2))
        return 0
    click.echo(f"{'action':<34}{'sent by':<32}profile")
    for name, senders, profile in rows:
        click.echo(f"{name:<34}{' and '.join(senders):<32}{profile}")
    return 0


for _each in (
    charge_points, call, calls, transactions, messages, id_tags, reservations, charging_profiles,
    security_events,
    replay, simulate, testbench,
):  # fmt: skip
    commands.add_command(_each)
for _each in (misbehave, certificates, revoke_certificate, upgrade):
    charge_points.add_command(_each)


def _nearest(name: str, names: Sequence[str] | Any) -> str:
    by_lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return "".join(f"; did you mean {by_lower[each]}?" for each in near)
