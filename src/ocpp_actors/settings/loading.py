"""Reads the settings from the environment, a TOML file and the command line."""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from ocpp_actors.settings.declared import PREFIX, SETTINGS, Setting, Settings, SettingsError, not_allowed

_BY_NAME: Final = {each.name: each for each in SETTINGS}
COMMAND_VARIABLES: Final = frozenset({"API_URL", "MICROOCPP"})
"""Variables of other commands, not settings: one environment may serve them and the server."""

COMMAND_PREFIX: Final = "TESTBENCH_"
"""What the names of the test bench's variables begin with."""

_KNOWN: Final = {*_BY_NAME, *(f"{each.name}_file" for each in SETTINGS if each.secret)}

Named = Callable[[str], str]
"""How a source calls the setting of a name, to tell the user."""


def load_settings(
    options: Mapping[str, object], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Read the settings from all sources.

    ``options`` are those of the command line by the settings' names; None means not given. Of ``environ`` only the
    variables that begin with ``OCPP_ACTORS_`` count. ``config`` is a TOML file; without it
    ``OCPP_ACTORS_CONFIG`` may name one. A secret can be given as the file that holds it: ``database_file``.

    Raises SettingsError: a name is unknown, a value is not allowed, a file cannot be read, a setting is missing.
    """
    variables = {
        name.removeprefix(PREFIX): value for name, value in environ.items() if name.startswith(PREFIX)
    }
    for name in [name for name in variables if name in COMMAND_VARIABLES or name.startswith(COMMAND_PREFIX)]:
        del variables[name]
    named_config = variables.pop("CONFIG", None)
    if config is None and named_config:
        config = Path(named_config)
    values: dict[str, object] = {}
    secret_files: list[str] = []
    if config is not None:
        values |= _read_source(
            {name.lower() if name.isupper() else name: value for name, value in _read_toml(config).items()},
            lambda name: f"{name} in {config}",
            secret_files,
        )
    for name in variables:
        if name != name.upper():
            raise SettingsError(f"environment variable {PREFIX}{name}: write it as {PREFIX}{name.upper()}")
    values |= _read_source(
        {name.lower(): value for name, value in variables.items()},
        lambda name: f"environment variable {PREFIX}{name.upper()}",
        secret_files,
    )
    values |= _read_source(
        {name: value for name, value in options.items() if value is not None},
        lambda name: f"option --{name.replace('_', '-')}",
        secret_files,
    )
    return Settings(**values, secret_files=tuple(secret_files))  # type: ignore[arg-type]  # each was read by its own kind


def _read_toml(config: Path) -> dict[str, object]:
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"the settings file {config} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the settings file {config} is not valid TOML: {error}") from None


def _read_source(given: Mapping[str, object], named: Named, secret_files: list[str]) -> dict[str, object]:
    """Return the values; the files that secrets were read from are added to ``secret_files``."""
    values: dict[str, object] = {}
    for name, value in given.items():
        if name not in _KNOWN:
            raise SettingsError(f"{named(name)}: there is no such setting{_nearest(name, named)}")
        if name in _BY_NAME:
            values[name] = _read_value(_BY_NAME[name], value, named(name))
            continue
        secret = name.removesuffix("_file")
        if secret in given:
            raise SettingsError(f"{named(secret)} and {named(name)} are both given: keep one")
        secret_files.append(str(value))
        values[secret] = _read_value(_BY_NAME[secret], _read_secret(value, named(name)), named(name))
    return values


def _read_value(each: Setting, value: object, source: str) -> object:
    try:
        return each.kind.read(value)
    except ValueError:
        raise not_allowed(each, source, value) from None


def _read_secret(path: object, source: str) -> str:
    try:
        return Path(str(path)).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{source}: the file {path} cannot be read: {reason}") from None


def _nearest(name: str, named: Named) -> str:
    near: Iterable[str] = difflib.get_close_matches(name.lower().replace("-", "_"), _KNOWN, n=1)
    return "".join(f"; did you mean {named(each).removeprefix('environment variable ')}?" for each in near)
