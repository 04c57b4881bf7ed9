"""``ocpp-actors testbench run``."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from ocpp_actors.operator_cli.failures import NOT_NOW, ApiFailure
from ocpp_actors.operator_cli.output import print_json, tell
from ocpp_actors.testbench_cli.mistakes import telling_mistakes
from ocpp_actors.testbench_cli.open_files import allow_files_for
from ocpp_actors.testbench_cli.reader import reader_has_left

if TYPE_CHECKING:
    from ocpp_actors.testbench.run import Finished

DIRECTORY: Final = "OCPP_ACTORS_TESTBENCH_DIRECTORY"
DEFAULT_DIRECTORY: Final = "testbench-reports"

_KEYS: Final = {
    "url": "central_system.url",
    "api_url": "central_system.api_url",
    "api_token_file": "central_system.api_token_file",
    "scenarios": "scenarios.run",
    "skip": "scenarios.skip",
    "seed": "seed",
    "duration": "duration",
    "deadline": "deadline",
}
"""Options to the keys of a profile that they override."""


@click.command()
@click.argument("profile")
@click.option(
    "--microocpp",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Run the scenarios on instances of this simulator instead of simulated chargers. Environment: "
    "OCPP_ACTORS_MICROOCPP.",
)
@click.option(
    "--chargers", type=click.IntRange(0), metavar="N", help="How many chargers the profile's first group has."
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="NAME",
    help="Only this scenario, group or case, or those that match: boot-*, TC_0*.",
)
@click.option("--skip", multiple=True, metavar="NAME", help="Not this scenario, group or case.")
@click.option(
    "--url", metavar="URL", help="Test this central system instead of a server of the session's own."
)
@click.option("--anywhere", is_flag=True, help="With --url: it may be beyond this machine.")
@click.option("--api-url", metavar="URL", help="With --url: where the API of an ocpp-actors server is.")
@click.option("--api-token-file", metavar="FILE", help="With --api-url: the file that holds the API's token.")
@click.option("--seed", type=int, metavar="N", help="The seed of all that is left to chance.")
@click.option(
    "--duration", type=float, metavar="SECONDS", help="How long activities, faults and restarts go on."
)
@click.option("--deadline", type=float, metavar="SECONDS", help="When the session ends, whatever happens.")
@click.option(
    "--keep", is_flag=True, help="Leave everything behind after success, too: database, logs, stores."
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help=f"Where reports are put. Default: {DEFAULT_DIRECTORY}. Environment: {DIRECTORY}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@telling_mistakes
def run(profile: str, microocpp: Path | None, as_json: bool, **options: Any) -> int:
    """Run a session: PROFILE is the name of a shipped profile, or a file that ends with .toml.

    Ends with 0 if all scenarios passed and all limits held, with 1 if not, and with 2 if the profile or an option
    cannot be used. Ctrl-C ends the session in order, with a report; once more, at once. After success only the report
    is left behind, after a failure everything. Options go before the environment (OCPP_ACTORS_TESTBENCH_…), the
    environment before the profile.

    \b
    Examples:
      ocpp-actors testbench run basic
      ocpp-actors testbench run certification --scenario TC_003
      ocpp-actors testbench run basic --microocpp ./mo_simulator --chargers 20
      ocpp-actors testbench run ./mine.toml --seed 7 --keep
      ocpp-actors testbench run validation --url ws://127.0.0.1:8887/ocpp
    """  # noqa: D301
    from ocpp_actors.testbench.chargers.opening import on_simulators, opener
    from ocpp_actors.testbench.choosing import chosen
    from ocpp_actors.testbench.isolation import refuse_what_is_not_ours
    from ocpp_actors.testbench.microocpp.path import VARIABLE
    from ocpp_actors.testbench.profiles.reading import load
    from ocpp_actors.testbench.run import Cut, Run
    from ocpp_actors.testbench.scenario import catalogue
    from ocpp_actors.testbench.under_test import ServerTrouble

    read = load(profile, os.environ, dict(_overrides(options)))
    if microocpp is not None or os.environ.get(VARIABLE):
        read = on_simulators(read)
    refuse_what_is_not_ours(read)
    scenarios = chosen(read.scenarios, catalogue())
    open_chargers = opener(read, microocpp, os.environ)
    directory = options["directory"] or Path(os.environ.get(DIRECTORY) or DEFAULT_DIRECTORY)
    allow_files_for(read)
    session = Run(
        profile=read,
        scenarios=scenarios,
        command=_command(profile, microocpp, {**options, "seed": read.seed}, os.environ),
        parent=directory,
        keep=options["keep"],
        output=sys.stderr,
        open_chargers=open_chargers,
    )
    try:
        finished = session.run()
    except ServerTrouble as error:
        raise ApiFailure(str(error), NOT_NOW) from None
    except OSError as error:
        raise ApiFailure(f"the session cannot go on: {error}", NOT_NOW) from None
    except Cut:
        tell("cut short by a second signal; nothing is left of the session")
        return NOT_NOW
    try:
        if as_json:
            print_json(finished.document)
        else:
            for line in _summary(finished):
                click.echo(line)
    except OSError:
        reader_has_left()
    try:
        sys.stderr.flush()  # what the session could not say of itself is still there
    except OSError:
        reader_has_left(sys.stderr)
    return 0 if finished.result.passed else NOT_NOW


def _overrides(options: dict[str, Any]) -> Iterator[tuple[str, tuple[str, object]]]:
    for name, key in _KEYS.items():
        value = options[name]
        if value is not None and value != ():
            yield key, (f"--{_spelt(name)}", list(value) if isinstance(value, tuple) else value)
    if options["url"] is not None:
        yield "central_system.foreign", ("--url", True)
    if options["anywhere"]:
        yield "central_system.anywhere", ("--anywhere", True)
    if options["chargers"] is not None:
        yield "chargers.1.count", ("--chargers", options["chargers"])


def _command(
    profile: str, microocpp: Path | None, options: dict[str, Any], environ: Mapping[str, str]
) -> str:
    """Return what to type in the same directory for the same session again."""
    from ocpp_actors.testbench.microocpp.path import VARIABLE
    from ocpp_actors.testbench.profiles.reading import VARIABLES

    words = [
        f"{name}={shlex.quote(value)}"
        for name, value in sorted(environ.items())
        if name == VARIABLE or (name.startswith(VARIABLES) and name != DIRECTORY)
    ]
    words += ["ocpp-actors", "testbench", "run", shlex.quote(profile)]
    given = {"microocpp": microocpp, **{name: options[name] for name in (*_KEYS, "chargers", "anywhere")}}
    for name, value in given.items():
        option = f"--{_spelt(name)}"
        if value is True:
            words.append(option)
        elif isinstance(value, tuple):
            words += [f"{option} {shlex.quote(each)}" for each in value]
        elif value is not None and value is not False:
            words.append(f"{option} {shlex.quote(str(value))}")
    return " ".join(words)


def _spelt(name: str) -> str:
    return "scenario" if name == "scenarios" else name.replace("_", "-")


def _summary(finished: "Finished") -> Iterator[str]:
    from ocpp_actors.testbench.progress import counted

    told = finished.document
    counts = told["counts"]
    bad = [each for each in told["scenarios"] if each["verdict"] in ("failed", "broken")]
    for each in bad:
        where = f" on {each['station']}" if each["station"] else ""
        reason = each["reason"].strip().splitlines()[-1] if each["reason"].strip() else ""
        yield f"{each['verdict']:<10}{each['name']}{where}: {reason}"
    for each in told["limits"]:
        verdict = {True: "held", False: "missed", None: "unknown"}[each["held"]]
        yield f"{verdict:<10}{each['name']}: {each['measured']}, asked {each['asked']}"
    for each in told["troubles"]:
        yield f"{'trouble':<10}{each}"
    yield (
        f"{told['verdict']:<9} {counted(counts['passed'], 'scenario')} passed, {len(bad)} failed, "
        f"{counts['skipped']} skipped, in {told['seconds']:.1f} s"
    )
    yield f"{'report':<10}{finished.page}"
    if finished.kept:
        yield f"{'kept':<10}everything, in {finished.page.parent}"
