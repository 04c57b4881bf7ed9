"""Reads a group of chargers of a profile, and refuses what is not for chargers of its kind."""

import difflib
from typing import Final

from attrs import evolve

from ocpp_actors.settings.kinds import choice, number, whole
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Chargers, ProfileError
from ocpp_actors.testbench.profiles.tables import Table, address, scalars, span, texts, urls, yes_or_no
from ocpp_actors.testbench.simulated.configuration import Configuration, written
from ocpp_actors.testbench.simulated.quirks import QUIRKS
from ocpp_actors.testbench.station import OPTIONAL, Feature

MAX_CHARGERS: Final = 20_000

_FEATURES: Final = {each.value: each for each in sorted(OPTIONAL)}

_KINDS: Final = {
    "count": ("simulated", "microocpp"),
    "connectors": ("simulated", "attached"),
    "quirks": ("simulated",),
    "configuration": ("simulated", "microocpp"),
    "api": ("attached",),
    "identities": ("attached",),
    "listen": ("attached",),
    "features": ("attached",),
    "hands": ("attached",),
}
"""Keys that are not for every kind of charger."""

_OF_IDENTITIES: Final = ("connectors", "features", "hands")
"""Keys that say of attached chargers what a simulator tells itself."""


def charger_group(table: Table) -> Chargers:
    """Make a group of a table below ``chargers``. Raises ProfileError."""
    group = Chargers(
        kind=table.take("kind", choice("simulated", "microocpp", "attached")),
        count=table.take("count", whole(0, MAX_CHARGERS), 1),
        connectors=table.take("connectors", whole(1, 100), 1),
        quirks=table.take("quirks", texts("names of quirks"), ()),
        activity=table.take("activity", choice(NO_ACTIVITY, "charging"), NO_ACTIVITY),
        charges_for=table.take("charges_for", span("two numbers of seconds: [5, 20]"), (5.0, 20.0)),
        pauses_for=table.take("pauses_for", span("two numbers of seconds: [1, 5]"), (1.0, 5.0)),
        reconnect_interval=table.take("reconnect_interval", number(0.1, 3600), 10.0),
        boot_within=table.take("boot_within", number(1, 3600), 60.0),
        faults=table.take("faults", yes_or_no(), True),
        configuration=table.take("configuration", scalars("a table of configuration keys"), {}),
        api=table.take("api", urls("addresses of simulators: http://127.0.0.1:8101", "https?"), ()),
        identities=table.take("identities", texts("identities of chargers that will connect"), ()),
        listen=table.take("listen", address("an address: HOST:PORT"), "127.0.0.1:0"),
        features=frozenset(
            table.take("features", texts(f"what chargers support: {', '.join(_FEATURES)}", _feature), ())
        ),
        hands=table.take("hands", yes_or_no(), False),
    )
    table.done()
    _check_keys(group, table)
    for quirk in group.quirks:
        if quirk not in QUIRKS:
            near = difflib.get_close_matches(quirk, QUIRKS, n=1)
            hint = f"did you mean {near[0]}?" if near else "`ocpp-actors simulate --quirks` shows them"
            raise ProfileError(f"{table.where('quirks')}: there is no quirk {quirk!r}; {hint}")
    if group.kind == "simulated":
        _check_configuration(group, table.table("configuration"))
    if group.kind != "attached":
        return group
    if not group.api and not group.identities:
        raise ProfileError(
            f"{table.where('api')} is missing: it takes the addresses of simulators; or give the identities of chargers"
        )
    return evolve(group, count=len(group.api) + len(group.identities))


def _check_keys(group: Chargers, table: Table) -> None:
    """Raise ProfileError where a key is given that is not for chargers of this kind."""
    for key, kinds in _KINDS.items():
        if key in table.values and group.kind not in kinds:
            raise ProfileError(
                f"{table.where(key)}: it is for {' and '.join(kinds)} chargers only, these are {group.kind}"
            )
    if group.kind != "attached":
        return
    if group.identities and group.activity != NO_ACTIVITY:
        raise ProfileError(f"{table.where('activity')}: it is not for chargers with identities")
    for key in _OF_IDENTITIES:
        if key in table.values and not group.identities:
            raise ProfileError(f"{table.where(key)}: it is for chargers with identities only")


def _check_configuration(group: Chargers, table: Table) -> None:
    trial = Configuration(group.connectors)
    for key, value in group.configuration.items():
        try:
            trial.preset(key, written(value))
        except ValueError as error:
            raise ProfileError(f"{table.where(key)}: {error}") from None


def _feature(name: str) -> Feature:
    if name not in _FEATURES:
        raise ValueError(name)
    return _FEATURES[name]
