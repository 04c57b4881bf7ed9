"""Reads profiles: those that are shipped by their names, others from files; the environment and options override."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.messages import AuthorizationStatus
from ocpp_actors.settings import PREFIX, SETTINGS
from ocpp_actors.settings.kinds import choice, number, or_empty, whole
from ocpp_actors.testbench.links.conditions import BadFault
from ocpp_actors.testbench.links.schedule import Schedule, schedule_from
from ocpp_actors.testbench.profiles.charger_group import charger_group
from ocpp_actors.testbench.profiles.profile import (
    ActionLimits,
    CentralSystem,
    Limits,
    Misbehaviour,
    Profile,
    ProfileError,
    Restart,
    ScenarioChoice,
)
from ocpp_actors.testbench.profiles.tables import (
    Table,
    one_text,
    pairs,
    texts,
    url,
    yes_or_no,
)
from ocpp_actors.testbench.tls import ClientTls, UnusableTls, read_client_tls

VARIABLES: Final = f"{PREFIX}TESTBENCH_"
"""What the environment variables begin with that override a profile; ``__`` stands for the dot between keys."""

OPTIONS: Final = frozenset({"DIRECTORY"})
"""What has such a variable and is not in a profile."""

PACKAGE: Final = "ocpp_actors.testbench.profiles"
TEMPLATE: Final = "template.toml"

MISBEHAVIOURS: Final = (
    "delay",
    "drop",
    "callError",
    "wrongId",
    "duplicate",
    "invalid",
    "malformed",
    "crash",
    "close",
    "cut",
    "stall",
)
"""The kinds that the server's API knows."""

DAY: Final = 86_400

_SECONDS: Final = number(0, DAY)
_SHARE: Final = or_empty(number(0, 1))
_LIMIT: Final = or_empty(number(0, DAY))
_COUNT: Final = or_empty(whole(0, 1_000_000))
_SETTINGS: Final = {each.name: each for each in SETTINGS}
_STATUSES: Final = tuple(map(str, AuthorizationStatus))


@frozen
class Shipped:
    """A profile that comes with the package."""

    name: str
    title: str


def shipped() -> list[Shipped]:
    """Return the profiles that come with the package, by name."""
    return [
        Shipped(name, str(_parsed(text, name)["title"]))
        for name, text in sorted(
            (path.name.removesuffix(".toml"), path.read_text("utf-8")) for path in _files()
        )
    ]


def text_of(name: str) -> str:
    """Return the text of a shipped profile. Raises ProfileError: there is none of this name."""
    for path in _files():
        if path.name == f"{name}.toml":
            return str(path.read_text("utf-8"))
    names = sorted(path.name.removesuffix(".toml") for path in _files())
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}; a file ends with .toml"
    raise ProfileError(f"there is no profile {name!r}; {hint}")


def template() -> str:
    """Return the text of a profile with every key, to edit."""
    return files(PACKAGE).joinpath(TEMPLATE).read_text("utf-8")


def load(
    name_or_file: str, environ: Mapping[str, str], options: Mapping[str, tuple[str, object]] | None = None
) -> Profile:
    """Read a profile by its name, or a file where it ends with ``.toml`` or has a slash in it.

    ``options`` override what the environment says, and that the file: the path of a key to the name of the option and
    its value.

    Raises ProfileError: there is none, or it cannot be used.
    """
    if name_or_file.endswith(".toml") or "/" in name_or_file:
        path = Path(name_or_file)
        try:
            content, name, where = path.read_text("utf-8"), path.stem, name_or_file
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ProfileError(f"the profile {path} cannot be read: {reason}") from None
    else:
        content, name, where = text_of(name_or_file), name_or_file, f"profile {name_or_file}"
    values = deepcopy(_parsed(content, where))
    sources: dict[str, str] = {}
    for key, value, source in [*_variables(environ), *_given(options or {})]:
        _put(values, key.split("."), value, source)
        sources[key] = source
    return read(Table(values, where, sources=sources), name)


def read(table: Table, name: str) -> Profile:
    """Make a profile of a table. Raises ProfileError."""
    profile = Profile(
        name=name,
        title=table.take("title", one_text(), name),
        description=table.take("description", one_text(), "").strip(),
        seed=table.take("seed", whole(0, 2**32), 1),
        duration=table.take("duration", _SECONDS, 0.0),
        deadline=table.take("deadline", number(1, DAY), 600.0),
        frame_logs=table.take("frame_logs", choice("all", "off"), "all"),
        chargers=tuple(charger_group(each) for each in table.tables("chargers")),
        faults=_faults(table.table("faults")),
        scenarios=_scenarios(table.table("scenarios")),
        server=_server(table.table("server")),
        central_system=_central_system(table.table("central_system")),
        restarts=tuple(_restart(each) for each in table.tables("restarts")),
        misbehaviour=tuple(_misbehaviour(each) for each in table.tables("misbehaviour")),
        limits=_limits(table.table("limits")),
    )
    table.done()
    _check_places(profile, table)
    return profile


def _check_places(profile: Profile, table: Table) -> None:
    """Raise ProfileError where a charger is named that there is not."""
    total = sum(group.count for group in profile.chargers)
    named = [(f"faults.steps.{n}.stations", each.stations) for n, each in enumerate(profile.faults.steps, 1)]
    named += [(f"misbehaviour.{n}.chargers", each.chargers) for n, each in enumerate(profile.misbehaviour, 1)]
    for key, names in named:
        for name in names:
            if int(name[1:]) > total:
                raise ProfileError(
                    f"{table.where(key)}: there is no {name}, the number of chargers is {total}"
                )


def _faults(table: Table) -> Schedule:
    try:
        schedule = schedule_from(table.values)
    except BadFault as error:
        raise ProfileError(f"{table.file}: faults.{error}") from None
    for place, step in enumerate(schedule.steps, 1):
        _check_names(step.stations, f"{table.file}: faults.steps.{place}.stations")
    return schedule


def _scenarios(table: Table) -> ScenarioChoice:
    patterns = texts("names, groups or cases of scenarios, or patterns such as boot-*")
    chosen = ScenarioChoice(
        run=table.take("run", patterns, ()),
        skip=table.take("skip", patterns, ()),
        lanes=table.take("lanes", whole(1, 100), 4),
    )
    table.done()
    return chosen


def _server(table: Table) -> dict[str, Any]:
    return table.rest(lambda name: _SETTINGS[name].kind, "setting of the server", _SETTINGS)


def _central_system(table: Table) -> CentralSystem:
    chosen = CentralSystem(
        url=table.take("url", url("a URL: ws://HOST:PORT/PATH", "wss?"), None),
        foreign=table.take("foreign", yes_or_no(), False),
        anywhere=table.take("anywhere", yes_or_no(), False),
        foreign_storage=table.take("foreign_storage", yes_or_no(), False),
        api_url=table.take("api_url", url("a URL: http://HOST:PORT", "https?"), None),
        api_token_file=table.take("api_token_file", one_text("the name of a file"), None),
        id_tags=table.take("id_tags", pairs("a table of idTags by their status: Blocked = …"), {}),
        tls=_client_tls(table),
    )
    table.done()
    for status in chosen.id_tags:
        if status not in _STATUSES:
            raise table.table("id_tags").unknown(status, "status of an idTag", _STATUSES)
    if chosen.api_token_file is not None:
        where = table.where("api_token_file")
        if chosen.api_url is None:
            raise ProfileError(
                f"{where}: it goes with central_system.api_url, or --api-url, which is missing"
            )
        try:
            Path(chosen.api_token_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ProfileError(f"{where}: {chosen.api_token_file} cannot be read: {reason}") from None
    return chosen


def _client_tls(table: Table) -> ClientTls:
    file = one_text("the name of a file in PEM")
    ca, certificate, key = (
        table.take(name, file, None) for name in ("tls_ca", "client_certificate", "client_key")
    )
    if key is not None and certificate is None:
        raise ProfileError(
            f"{table.where('client_key')}: it goes with central_system.client_certificate, which is missing"
        )
    for name, given in (("tls_ca", ca), ("client_certificate", certificate)):
        if given is not None and not str(table.values.get("url", "")).startswith("wss:"):
            raise ProfileError(f"{table.where(name)}: it goes with a central_system.url that begins with wss")
    try:
        return read_client_tls(ca, certificate, key)
    except UnusableTls as error:
        raise ProfileError(f"{table.file}: {table.path}: {error}") from None


def _restart(table: Table) -> Restart:
    restart = Restart(
        at=table.take("at", _SECONDS),
        how=table.take("how", choice("kill", "gracefully"), "kill"),
        down=table.take("down", _SECONDS, 3.0),
        back_within=table.take("back_within", number(1, DAY), 60.0),
    )
    table.done()
    return restart


def _misbehaviour(table: Table) -> Misbehaviour:
    chargers = table.take("chargers", texts("names of chargers: C1, C2, …"), ())
    _check_names(chargers, table.where("chargers"))
    table.take("kind", choice(*MISBEHAVIOURS))
    if "action" in table.values and table.values["action"] not in ACTIONS:
        action = str(table.values["action"])
        near = difflib.get_close_matches(action, ACTIONS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ProfileError(f"{table.where('action')}: there is no action {action!r}{hint}")
    return Misbehaviour(
        chargers=chargers, rule={key: value for key, value in table.values.items() if key != "chargers"}
    )


def _check_names(chargers: Iterable[str], where: str) -> None:
    for name in chargers:
        if not re.fullmatch(r"C[1-9][0-9]*", name):
            raise ProfileError(f"{where}: {name!r} is not allowed, chargers are C1, C2, …")


def _limits(table: Table) -> Limits:
    actions = table.table("actions")
    for action in actions.values:
        if action not in ACTIONS:
            raise actions.unknown(action, "action", ACTIONS)
    limits = Limits(
        response_time_p99=table.take("response_time_p99", _LIMIT, None),
        response_time_max=table.take("response_time_max", _LIMIT, None),
        actions={action: _action_limits(actions.table(action)) for action in actions.values},
        connection_stability=table.take("connection_stability", _SHARE, None),
        verdict_accuracy=table.take("verdict_accuracy", _SHARE, 1.0),
        restarts=table.take("restarts", _COUNT, 0),
        lost_transactions=table.take("lost_transactions", _COUNT, 0),
        doubled_transactions=table.take("doubled_transactions", _COUNT, 0),
    )
    table.done()
    return limits


def _action_limits(table: Table) -> ActionLimits:
    limits = ActionLimits(
        response_time_p99=table.take("response_time_p99", _LIMIT, None),
        response_time_max=table.take("response_time_max", _LIMIT, None),
    )
    table.done()
    return limits


def _files() -> list[Any]:
    return [
        path for path in files(PACKAGE).iterdir() if path.name.endswith(".toml") and path.name != TEMPLATE
    ]


def _parsed(content: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where} is not valid TOML: {error}") from None


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[str, object, str]]:
    for variable, value in environ.items():
        name = variable.removeprefix(VARIABLES)
        if name != variable and name not in OPTIONS:
            key = _key_of(name)
            yield key, _meant(key, value), f"environment variable {variable}"


def _meant(key: str, text: str) -> object:
    """Return what a variable says: an array as TOML has it, a number or boolean below ``faults``, else the text."""
    if text.startswith("[") or key.startswith("faults."):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _key_of(name: str) -> str:
    """Return the path of the key that a variable is for; only the names of actions have capitals."""
    capitals = {action.upper(): action for action in ACTIONS}
    return ".".join(capitals.get(part.upper(), part.lower()) for part in name.split("__"))


def _given(options: Mapping[str, tuple[str, object]]) -> Iterator[tuple[str, object, str]]:
    return ((key, value, f"option {option}") for key, (option, value) in options.items())


def _put(values: dict[str, Any], path: list[str], value: object, source: str) -> None:
    """Put a value where its path leads; a number leads into an array of tables, from 1."""
    place: Any = values
    for part in path[:-1]:
        if isinstance(place, list):
            if not part.isdecimal() or not 1 <= int(part) <= len(place):
                raise ProfileError(f"{source}: there is no {part} in it, they count from 1 to {len(place)}")
            place = place[int(part) - 1]
        else:
            place = place.setdefault(part, {})
        if not isinstance(place, dict | list):
            raise ProfileError(f"{source}: {part} is no table")
    if not isinstance(place, dict):
        raise ProfileError(f"{source}: it has to name one of them: {'__'.join(path[:-1]).upper()}__1__…")
    place[path[-1]] = value
