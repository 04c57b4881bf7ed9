"""Profiles are read, and mistakes in them are told in one line: file, key, what is allowed, the nearest name."""

from pathlib import Path
from typing import Any

import pytest

from ocpp_actors.charge_point.misbehaviour import Kind
from ocpp_actors.testbench.choosing import chosen
from ocpp_actors.testbench.isolation import refuse_what_is_not_ours
from ocpp_actors.testbench.profiles.profile import NO_ACTIVITY, Profile, ProfileError
from ocpp_actors.testbench.profiles.reading import MISBEHAVIOURS, load, shipped, template, text_of
from ocpp_actors.testbench.scenario import Need, catalogue
from ocpp_actors.testbench.station import Feature

ONE = "[[chargers]]\nkind = 'simulated'\n"
SECURE = "[central_system]\nurl = 'wss://localhost/ocpp'\n"
ATTACHED = "[[chargers]]\nkind = 'attached'\n"
NAMES = [each.name for each in shipped()]


def load_text(tmp_path: Path, text: str, environ: dict[str, str] | None = None, **options: Any) -> Profile:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return load(str(path), environ or {}, {key: (f"--{key}", value) for key, value in options.items()})


def mistake(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ProfileError) as error:
        load_text(tmp_path, text, environ)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(tmp_path / "mine.toml"), "FILE")


def test_these_are_shipped() -> None:
    assert set(NAMES) >= {
        "basic", "broken-server", "certification", "everything",
        "firmware", "flaky-network", "load", "offline", "reconnect-storm", "security",
        "smart-charging", "validation",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_profile_can_be_used(name: str) -> None:
    profile = load(name, {})
    refuse_what_is_not_ours(profile)
    assert profile.name == name
    assert profile.description
    assert chosen(profile.scenarios, catalogue()) or profile.duration


def runs(profile: Profile) -> set[str]:
    """The names of the scenarios that a profile has what they need for."""
    hosts = any(each.activity == NO_ACTIVITY for each in profile.chargers)
    wanted = chosen(profile.scenarios, catalogue())
    return {each.name for each in wanted if hosts or Need.STATION not in each.needs}


def test_every_scenario_is_run_by_a_profile_of_its_subject() -> None:
    specific = set().union(*(runs(load(name, {})) for name in NAMES if name != "everything"))
    left_out = {each.group: each.name for each in catalogue().values() if each.name not in specific}
    assert left_out == {}
    assert runs(load("everything", {})) == set(catalogue())


def test_the_template_is_a_profile_with_every_key(tmp_path: Path) -> None:
    profile = load_text(tmp_path, template())
    refuse_what_is_not_ours(profile)
    chosen(profile.scenarios, catalogue())
    uncommented = "\n".join(["", *(line.removeprefix("# ") for line in template().splitlines())])
    for key in (
        "title", "description", "seed", "duration", "deadline", "frame_logs", "kind", "count", "connectors", "quirks",
        "activity", "charges_for", "pauses_for", "reconnect_interval", "boot_within", "faults", "configuration", "api",
        "identities", "listen", "features", "hands", "run", "skip", "lanes", "url", "foreign", "anywhere",
        "foreign_storage", "tls_ca", "client_certificate", "client_key", "api_url", "api_token_file", "id_tags", "at",
        "how", "down", "back_within",
        "response_time_p99", "response_time_max", "connection_stability", "verdict_accuracy", "restarts",
        "lost_transactions", "doubled_transactions",
    ):  # fmt: skip
        assert f"\n{key} = " in uncommented or f"{key}]" in uncommented, key


def test_an_empty_profile_has_defaults(tmp_path: Path) -> None:
    profile = load_text(tmp_path, "")
    assert (profile.name, profile.title, profile.seed, profile.duration) == ("mine", "mine", 1, 0)
    assert profile.chargers == ()
    assert (profile.limits.verdict_accuracy, profile.limits.restarts) == (1.0, 0)
    assert (profile.limits.lost_transactions, profile.limits.doubled_transactions) == (0, 0)


def test_all_of_a_profile(tmp_path: Path) -> None:
    profile = load_text(
        tmp_path,
        """
        title = "All"
        seed = 7
        [[chargers]]
        kind = "simulated"
        count = 4
        connectors = 2
        activity = "charging"
        charges_for = [1, 2.5]
        configuration = { HeartbeatInterval = 60, LocalPreAuthorize = true }
        [[chargers]]
        kind = "attached"
        api = ["http://127.0.0.1:8101", "http://127.0.0.1:8102"]
        identities = ["REAL"]
        features = ["unlock", "smart charging"]
        [[faults.steps]]
        at = 5
        for = 2
        fault = "partition"
        stations = ["C1"]
        [scenarios]
        run = "boot, TC_*"
        lanes = 2
        [server]
        heartbeat_interval = 60
        testing = true
        [[restarts]]
        at = 10
        how = "gracefully"
        [limits]
        response_time_p99 = 0.5
        restarts = ""
        [limits.actions.Authorize]
        response_time_max = 2
        """,
    )
    assert [each.count for each in profile.chargers] == [4, 3]
    assert profile.chargers[1].features == {Feature.UNLOCK, Feature.SMART_CHARGING}
    assert profile.chargers[0].charges_for == (1.0, 2.5)
    assert profile.chargers[0].configuration == {"HeartbeatInterval": 60, "LocalPreAuthorize": True}
    assert profile.faults.steps[0].stations == ("C1",)
    assert profile.scenarios.run == ("boot", "TC_*")
    assert profile.server == {"heartbeat_interval": 60, "testing": True}
    assert (profile.restarts[0].how, profile.restarts[0].down) == ("gracefully", 3.0)
    assert (profile.limits.response_time_p99, profile.limits.restarts) == (0.5, None)
    assert profile.limits.actions["Authorize"].response_time_max == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tittle = 'x'", "FILE: tittle: there is no such key; did you mean title?"),
        ("zzz = 1", "FILE: zzz: there is no such key; there are: title,"),
        ("seed = 'x'", "FILE: seed: 'x' is not allowed, it takes a whole number from 0 to"),
        ("seed = -1", "FILE: seed: -1 is not allowed"),
        ("seed = [", "is not valid TOML"),
        ("duration = nan", "FILE: duration: nan is not allowed, it takes a number from 0 to 86400"),
        ("chargers = 3", "FILE: chargers: 3 is not allowed, it takes tables: [[chargers]]"),
        ("[[chargers]]", "FILE: chargers.1.kind is missing: it takes simulated, microocpp or attached"),
        (
            "[[chargers]]\nkind = 'simulated'\n[[chargers]]\nkind = 'simulatd'",
            "FILE: chargers.2.kind: 'simulatd' is not allowed, it takes simulated, microocpp or attached",
        ),
        ("[[chargers]]\nkind = 'simulated'\ncoun = 3", "chargers.1.coun: there is no such key; did you mean count"),
        ("[[chargers]]\nkind = 'simulated'\ncharges_for = [5, 1]", "it takes two numbers of seconds"),
        ("[[chargers]]\nkind = 'simulated'\nquirks = ['duplicate-strat']", "chargers.1.quirks: there is no quirk"),
        ("[[chargers]]\nkind = 'attached'", "FILE: chargers.1.api is missing"),
        ("[[chargers]]\nkind = 'attached'\nidentities = ['A']\nlisten = '9000'", "it takes an address: HOST:PORT"),
        (
            "[[chargers]]\nkind = 'attached'\nidentities = ['A']\nfeatures = ['plug']",
            "chargers.1.features: ['plug'] is not allowed, it takes what chargers support: diagnostics, firmware,",
        ),
        ("scenarios = 1", "FILE: scenarios: 1 is not allowed, it takes a table"),
        ("[scenarios]\nrun = [1]", "FILE: scenarios.run: [1] is not allowed, it takes names, groups or cases"),
        ("[server]\nheartbeat_intervall = 3", "there is no such setting of the server; did you mean heartbeat_"),
        ("[server]\nheartbeat_interval = 0", "FILE: server.heartbeat_interval: 0 is not allowed"),
        ("[central_system]\nurl = 'http://x'", "central_system.url: 'http://x' is not allowed, it takes a URL: ws://"),
        ("[central_system]\nurl = 'ws://[::1'", "FILE: central_system.url: 'ws://[::1' is not allowed, it takes a URL"),
        ("[central_system]\nurl = 'ws://:9000/ocpp'", "'ws://:9000/ocpp' is not allowed, it takes a URL: ws://"),
        ("[central_system]\nurl = 'ws://127.0.0.1:99999'", "'ws://127.0.0.1:99999' is not allowed, it takes a URL"),
        ("[central_system]\napi_url = 'http://[::1'", "FILE: central_system.api_url: 'http://[::1' is not allowed"),
        (
            ATTACHED + "api = ['http://127.0.0.1:8101', 'http://[::1']",
            "FILE: chargers.1.api: ['http://127.0.0.1:8101', 'http://[::1'] is not allowed, it takes addresses of",
        ),
        (ATTACHED + "api = ['127.0.0.1:8101']", "FILE: chargers.1.api: ['127.0.0.1:8101'] is not allowed"),
        (ATTACHED + "listen = '127.0.0.1:99999'", "chargers.1.listen: '127.0.0.1:99999' is not allowed, it takes"),
        (ATTACHED + "listen = '[::::]:9000'", "FILE: chargers.1.listen: '[::::]:9000' is not allowed"),
        (ATTACHED + "listen = '127.0.0.1/x:9000'", "FILE: chargers.1.listen: '127.0.0.1/x:9000' is not allowed"),
        ("[central_system]\nforeign = 'yes'", "central_system.foreign: 'yes' is not allowed, it takes true or false"),
        ("[central_system.id_tags]\nBlokced = 'X'", "there is no such status of an idTag; did you mean Blocked?"),
        ("[central_system]\nurl = 'ws://x'\ntls_ca = 'x.pem'", "FILE: central_system.tls_ca: it goes with a"),
        (SECURE + "tls_ca = 'none.pem'", "FILE: central_system: none.pem cannot be read: No such file or directory"),
        (SECURE + "client_key = 'none.pem'", "central_system.client_key: it goes with central_system.client_cert"),
        (ONE + "configuration = { MeterValueSampleInterval = 'x' }", "MeterValueSampleInterval: 'x' is not"),
        (ONE + "configuration = { MeterValueSampelInterval = 10 }", "did you mean MeterValueSampleInterval?"),
        (ONE + "[[faults.steps]]\nat = 1\nfor = 1\nfault = 'stall'\nstations = ['C9']", "there is no C9"),
        (ONE + "[[misbehaviour]]\nkind = 'drop'\nchargers = ['C4']", "FILE: misbehaviour.1.chargers: there is no C4"),
        ("[[misbehaviour]]\nkind = 'dropp'", "FILE: misbehaviour.1.kind: 'dropp' is not allowed, it takes delay,"),
        ("[[misbehaviour]]\nkind = 'drop'\naction = 'Hartbeat'", "action 'Hartbeat'; did you mean Heartbeat?"),
        ("[[restarts]]\nat = 1\nhow = 'softly'", "it takes kill or gracefully"),
        ("[[misbehaviour]]\naction = 'Heartbeat'", "FILE: misbehaviour.1.kind is missing: it takes"),
        ("[[misbehaviour]]\nkind = 'drop'\nchargers = ['X']", "FILE: misbehaviour.1.chargers: 'X' is not allowed"),
        ("[limits]\nconnection_stability = 2", "FILE: limits.connection_stability: 2 is not allowed"),
        ("[limits.actions.Authorise]", "limits.actions.Authorise: there is no such action; did you mean Authorize?"),
        ("[limits.actions.Authorize]\np99 = 1", "FILE: limits.actions.Authorize.p99: there is no such key"),
        ("[faults]\nsteps = [{at = 1, for = 1, fault = 'stal'}]", "FILE: faults.steps[0]: fault is 'stal'"),
        ("[[faults.steps]]\nat = 1\nfor = 1\nfault = 'stall'\nstations = ['CP1']", "faults.steps.1.stations: 'CP1'"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    assert told in mistake(tmp_path, text)


def test_every_kind_of_misbehaviour_may_be_named() -> None:
    assert set(MISBEHAVIOURS) == set(Kind)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    text = "seed = 1\n[[chargers]]\nkind = 'simulated'\n[[chargers]]\nkind = 'simulated'"
    environ = {
        "OCPP_ACTORS_TESTBENCH_SEED": "9",
        "OCPP_ACTORS_TESTBENCH_CHARGERS__2__COUNT": "40",
        "OCPP_ACTORS_TESTBENCH_LIMITS__CONNECTION_STABILITY": "0.9",
        "OCPP_ACTORS_TESTBENCH_LIMITS__ACTIONS__BootNotification__RESPONSE_TIME_MAX": "3",
        "OCPP_ACTORS_TESTBENCH_SCENARIOS__RUN": "boot,TC_001",
        "OCPP_ACTORS_TESTBENCH_SERVER__HEARTBEAT_INTERVAL": "77",
        "OCPP_ACTORS_TESTBENCH_DIRECTORY": "/nowhere",
        "OCPP_ACTORS_PORT": "1",
    }
    profile = load_text(tmp_path, text, environ)
    assert (profile.seed, [each.count for each in profile.chargers]) == (9, [1, 40])
    assert profile.limits.connection_stability == 0.9
    assert profile.limits.actions["BootNotification"].response_time_max == 3
    assert profile.scenarios.run == ("boot", "TC_001")
    assert profile.server["heartbeat_interval"] == 77


def test_lists_and_faults_in_the_environment(tmp_path: Path) -> None:
    text = "[[chargers]]\nkind = 'simulated'\n[[faults.steps]]\nat = 1\nfor = 1\nfault = 'stall'"
    environ = {
        "OCPP_ACTORS_TESTBENCH_CHARGERS__1__CHARGES_FOR": "[1, 2]",
        "OCPP_ACTORS_TESTBENCH_SCENARIOS__RUN": '["boot", "TC_001"]',
        "OCPP_ACTORS_TESTBENCH_FAULTS__ALWAYS__LATENCY": "0.05",
        "OCPP_ACTORS_TESTBENCH_FAULTS__STEPS__1__AT": "7",
        "OCPP_ACTORS_TESTBENCH_FAULTS__STEPS__1__FAULT": "partition",
        "OCPP_ACTORS_TESTBENCH_FAULTS__RANDOM__FAULTS": "['stall']",
        "OCPP_ACTORS_TESTBENCH_FAULTS__RANDOM__EVERY": "30",
        "OCPP_ACTORS_TESTBENCH_FAULTS__RANDOM__FOR": "[1, 5]",
        "OCPP_ACTORS_TESTBENCH_FAULTS__RANDOM__TOGETHER": "true",
    }
    profile = load_text(tmp_path, text, environ)
    assert list(profile.chargers[0].charges_for) == [1, 2]
    assert profile.scenarios.run == ("boot", "TC_001")
    assert profile.faults.always.inbound.latency == 0.05
    assert [(each.at, each.name) for each in profile.faults.steps] == [(7, "partition")]
    at_random = profile.faults.random
    assert at_random is not None
    assert (at_random.longest, at_random.together) == (5, True)


def test_options_override_the_environment(tmp_path: Path) -> None:
    assert load_text(tmp_path, "seed = 1", {"OCPP_ACTORS_TESTBENCH_SEED": "9"}, seed=3).seed == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind = 'microocpp'\nquirks = ['half-open']", "quirks: it is for simulated chargers only, these are microo"),
        ("kind = 'microocpp'\nconnectors = 3", "connectors: it is for simulated and attached chargers only"),
        ("kind = 'attached'\nidentities = ['A']\nquirks = ['half-open']", "quirks: it is for simulated chargers only"),
        ("kind = 'attached'\nidentities = ['A']\nconfiguration = {}", "configuration: it is for simulated and micro"),
        ("kind = 'attached'\nidentities = ['A']\ncount = 2", "count: it is for simulated and microocpp chargers only"),
        ("kind = 'attached'\nidentities = ['A']\nactivity = 'charging'", "activity: it is not for chargers with iden"),
        ("kind = 'attached'\napi = ['http://127.0.0.1:1']\nhands = true", "hands: it is for chargers with identities"),
        ("kind = 'simulated'\napi = ['http://127.0.0.1:1']", "api: it is for attached chargers only, these are simul"),
        ("kind = 'simulated'\nidentities = ['A']", "identities: it is for attached chargers only"),
        ("kind = 'microocpp'\nlisten = '127.0.0.1:9001'", "listen: it is for attached chargers only"),
        ("kind = 'simulated'\nfeatures = ['unlock']", "features: it is for attached chargers only"),
        ("kind = 'simulated'\nhands = true", "hands: it is for attached chargers only, these are simulated"),
    ],
)  # fmt: skip
def test_what_is_not_for_chargers_of_a_kind_is_refused(tmp_path: Path, text: str, told: str) -> None:
    assert f"FILE: chargers.1.{told}" in mistake(tmp_path, f"[[chargers]]\n{text}")


def test_simulators_that_run_elsewhere_may_have_an_activity(tmp_path: Path) -> None:
    text = "api = ['http://127.0.0.1:1']\nactivity = 'charging'"
    assert load_text(tmp_path, ATTACHED + text).chargers[0].activity == "charging"


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "0.0.0.0:65535", "[::1]:9000", "lab-1.example:9000"])
def test_addresses_to_listen_at(tmp_path: Path, listen: str) -> None:
    profile = load_text(tmp_path, f"{ATTACHED}identities = ['A']\nlisten = '{listen}'")
    assert profile.chargers[0].listen == listen


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SEED", "x", "environment variable OCPP_ACTORS_TESTBENCH_SEED: 'x' is not allowed"),
        ("SEDE", "1", "environment variable OCPP_ACTORS_TESTBENCH_SEDE: there is no such key; did you mean seed?"),
        ("CHARGERS__2__COUNT", "1", "there is no 2 in it, they count from 1 to 1"),
        ("CHARGERS__COUNT", "1", "it has to name one of them: CHARGERS__1__…"),
        ("SEED__X", "1", "seed is no table"),
        ("CHARGERS__1__COUNT", "-3", "OCPP_ACTORS_TESTBENCH_CHARGERS__1__COUNT: '-3' is not allowed"),
    ],
)  # fmt: skip
def test_mistakes_in_the_environment(tmp_path: Path, variable: str, value: str, told: str) -> None:
    text = "seed = 1\n[[chargers]]\nkind = 'simulated'"
    assert told in mistake(tmp_path, text, {f"OCPP_ACTORS_TESTBENCH_{variable}": value})


def test_a_name_that_is_none_of_the_shipped(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"there is no profile 'basik'; did you mean basic\?"):
        text_of("basik")
    with pytest.raises(ProfileError, match="cannot be read: No such file"):
        load(str(tmp_path / "none.toml"), {})
    (tmp_path / "bad.toml").write_bytes(b"\xff")
    with pytest.raises(ProfileError, match="it is not text"):
        load(str(tmp_path / "bad.toml"), {})
