import re
from pathlib import Path

import pytest

from ocpp_actors.settings import SETTINGS, Settings, SettingsError, load_settings


def refusal(
    options: dict[str, object] | None = None,
    environ: dict[str, str] | None = None,
    config: Path | None = None,
) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(options or {}, environ or {}, config)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_without_any_source_the_defaults_hold() -> None:
    settings = load_settings({}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.path) == ("127.0.0.1", 9000, "/ocpp")
    assert (settings.admission, settings.first_boot, settings.authorization) == ("open", "Accepted", "open")
    assert (settings.heartbeat_interval, settings.silence_limit) == (300, 900.0)
    assert (settings.ping_interval, settings.ping_timeout) == (30.0, 30.0)
    assert (settings.call_timeout, settings.send_timeout) == (30.0, 10.0)
    assert (settings.boot_grace, settings.ledger_patience) == (10.0, 10.0)
    assert (settings.restart_limit, settings.restart_window) == (5, 60.0)
    assert (settings.mailbox_size, settings.max_message_size) == (100, 1_048_576)
    assert (settings.max_connections, settings.max_handshakes, settings.max_connection_rate) == (
        20_000,
        500,
        2000.0,
    )
    assert (settings.max_message_rate, settings.max_message_burst) == (200.0, 1000)
    assert (settings.handshake_timeout, settings.shutdown_timeout) == (10.0, 10.0)
    assert (settings.database, settings.message_log) == (
        "sqlite:///ocpp-actors.db",
        "ocpp-actors-messages.db",
    )
    assert (settings.message_log_days, settings.message_log_size) == (7.0, 1 << 30)
    assert (settings.log_format, settings.log_level) == ("console", "info")


def test_options_go_before_the_environment_before_the_file_before_the_defaults(config: Path) -> None:
    config.write_text('port = 1\npath = "/file"\nmailbox_size = 3\n')
    environ = {"OCPP_ACTORS_PORT": "2", "OCPP_ACTORS_PATH": "/environment"}
    settings = load_settings({"port": "3", "path": None}, environ, config)
    assert (settings.port, settings.path, settings.mailbox_size) == (3, "/environment", 3)
    assert settings.restart_limit == 5


def test_the_environment_can_name_the_file_and_the_command_line_another(config: Path, tmp_path: Path) -> None:
    config.write_text("port = 1")
    other = tmp_path / "other.toml"
    other.write_text("port = 2")
    environ = {"OCPP_ACTORS_CONFIG": str(config)}
    assert load_settings({}, environ).port == 1
    assert load_settings({}, environ, other).port == 2


def test_variables_of_others_do_not_count() -> None:
    assert load_settings({}, {"PORT": "1", "OCPP_ACTOR_PORT": "1"}) == Settings()


def test_a_variable_of_the_operators_commands_does_not_count_but_is_no_setting_either(config: Path) -> None:
    assert load_settings({}, {"OCPP_ACTORS_API_URL": "http://example.com:8080"}) == Settings()
    config.write_text('api_url = "http://example.com:8080"')
    assert refusal({}, {}, config).startswith("api_url in ")


def test_the_file_takes_the_names_of_the_environment_too(config: Path) -> None:
    config.write_text("HEARTBEAT_INTERVAL = 60")
    assert load_settings({}, {}, config).heartbeat_interval == 60


def test_an_empty_port_means_no_listener(config: Path) -> None:
    config.write_text('port = ""')
    assert load_settings({}, {"OCPP_ACTORS_PORT": ""}).port is None
    assert load_settings({"port": ""}, {}).port is None
    assert load_settings({}, {}, config).port is None


def test_the_silence_limit_follows_the_heartbeat_interval_unless_given() -> None:
    assert load_settings({"heartbeat_interval": "60"}, {}).silence_limit == 180.0
    assert load_settings({"heartbeat_interval": "60", "silence_limit": "0"}, {}).silence_limit == 0.0


@pytest.mark.parametrize(
    ("database", "message_log"),
    [
        ("sqlite:////var/lib/ledger.db", "/var/lib/ocpp-actors-messages.db"),
        ("sqlite:///data/ledger.db?timeout=5", "data/ocpp-actors-messages.db"),
        ("sqlite://", "ocpp-actors-messages.db"),
        ("sqlite:///:memory:", "ocpp-actors-messages.db"),
        ("postgresql://localhost/ocpp", "ocpp-actors-messages.db"),
    ],
)
def test_the_message_log_lies_beside_the_ledger(database: str, message_log: str) -> None:
    assert load_settings({"database": database}, {}).message_log == message_log


@pytest.mark.parametrize("message_log", ["data/ledger.db", "sqlite:///data/ledger.db"])
def test_the_message_log_is_never_the_ledger(message_log: str) -> None:
    message = refusal({"database": "sqlite:///data/ledger.db", "message_log": message_log})
    assert "MESSAGE_LOG and DATABASE are both data/ledger.db" in message


@pytest.mark.parametrize(("given", "path"), [("/ocpp/", "/ocpp"), ("/", ""), ("/a/b", "/a/b")])
def test_the_path_has_no_trailing_slash(given: str, path: str) -> None:
    assert load_settings({"path": given}, {}).path == path
    assert Settings(path=given).path == path


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_on_loopback_admission_and_authorization_are_open(host: str) -> None:
    settings = load_settings({"host": host}, {})
    assert (settings.admission, settings.authorization) == ("open", "open")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "csms.example.org"])
def test_off_loopback_admission_and_authorization_must_be_chosen(host: str) -> None:
    message = refusal({"host": host})
    assert message.startswith(f"ADMISSION and AUTHORIZATION must be set because HOST is {host}")
    assert refusal({"host": host, "admission": "known"}).startswith("AUTHORIZATION must be set")
    assert refusal({"host": host, "authorization": "known"}).startswith("ADMISSION must be set")
    settings = load_settings({"host": host, "admission": "open", "authorization": "known"}, {})
    assert (settings.admission, settings.authorization) == ("open", "known")


def test_a_program_that_builds_its_settings_is_held_to_the_same_rules() -> None:
    with pytest.raises(SettingsError, match="ADMISSION and AUTHORIZATION must be set"):
        Settings(host="0.0.0.0")
    with pytest.raises(SettingsError, match="PORT: 65536 is not allowed"):
        Settings(port=65_536)


def test_each_source_is_named_with_the_value_and_what_is_allowed(config: Path) -> None:
    allowed = "is not allowed, it takes a whole number from 1 to 100000"
    assert refusal({"mailbox_size": "0"}) == f"option --mailbox-size: '0' {allowed}"
    environ = {"OCPP_ACTORS_MAILBOX_SIZE": "many"}
    assert refusal({}, environ) == f"environment variable OCPP_ACTORS_MAILBOX_SIZE: 'many' {allowed}"
    config.write_text("mailbox_size = 1.5")
    assert refusal({}, {}, config) == f"mailbox_size in {config}: 1.5 {allowed}"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("host", "two words", "an address or a host name"),
        ("port", "65536", "a whole number from 0 to 65535, or empty"),
        ("port", "-1", "a whole number from 0 to 65535, or empty"),
        ("path", "ocpp", "a URL path that begins with a slash"),
        ("path", "/a b", "a URL path that begins with a slash"),
        ("path", "/a?b", "a URL path that begins with a slash"),
        ("admission", "closed", "open or known"),
        ("admission", "", "open or known"),
        ("authorization", "Open", "open or known"),
        ("first_boot", "accepted", "Accepted, Pending or Rejected"),
        ("heartbeat_interval", "0", "a whole number from 1 to 604800 (seconds)"),
        ("heartbeat_interval", "1.5", "a whole number from 1 to 604800 (seconds)"),
        ("ping_interval", "-1", "a number from 0 to 86400 (seconds)"),
        ("ping_timeout", "-1", "a number from 0 to 86400 (seconds)"),
        ("silence_limit", "nan", "a number from 0 to 2592000 (seconds)"),
        ("silence_limit", "inf", "a number from 0 to 2592000 (seconds)"),
        ("call_timeout", "", "a number from 0.1 to 86400 (seconds)"),
        ("send_timeout", "soon", "a number from 0.1 to 3600 (seconds)"),
        ("max_message_size", "1023", "a whole number from 1024 to 1073741824 (bytes)"),
        ("max_connection_rate", "0", "a number from 0.1 to 1000000 (per second)"),
        ("message_log", "", "a file, a database URL, a directory or off"),
        ("log_format", "xml", "console or json"),
        ("log_level", "loud", "debug, info, warning or error"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(name: str, value: str, allowed: str) -> None:
    message = refusal({name: value})
    assert message.startswith(
        f"option --{name.replace('_', '-')}: '{value}' is not allowed, it takes {allowed}"
    )


@pytest.mark.parametrize(
    "line", ["port = true", "ping_interval = false", "host = 1", "admission = 1", "port = []"]
)
def test_a_value_of_the_wrong_type_in_the_file_is_refused(config: Path, line: str) -> None:
    config.write_text(line)
    assert f"{line.split(' ', maxsplit=1)[0]} in {config}: " in refusal({}, {}, config)


def test_an_unknown_name_is_refused_with_the_nearest_one(config: Path) -> None:
    environ = {"OCPP_ACTORS_HEARTBEAT_INTERVALL": "60"}
    assert refusal({}, environ) == (
        "environment variable OCPP_ACTORS_HEARTBEAT_INTERVALL: there is no such setting; "
        "did you mean OCPP_ACTORS_HEARTBEAT_INTERVAL?"
    )
    assert refusal({}, {"OCPP_ACTORS_port": "1"}).endswith("write it as OCPP_ACTORS_PORT")
    config.write_text("heartbeat-interval = 60")
    assert refusal({}, {}, config).endswith(f"did you mean heartbeat_interval in {config}?")
    config.write_text("[xyzzy]\na = 1")
    assert refusal({}, {}, config) == f"xyzzy in {config}: there is no such setting"


def test_a_file_that_cannot_be_read_is_named_with_the_reason(config: Path, tmp_path: Path) -> None:
    assert refusal({}, {}, config) == f"the settings file {config} cannot be read: No such file or directory"
    assert refusal({}, {}, tmp_path) == f"the settings file {tmp_path} cannot be read: Is a directory"
    config.write_text("port = ")
    assert refusal({}, {}, config).startswith(f"the settings file {config} is not valid TOML: ")
    config.write_bytes(b"\xff")
    assert refusal({}, {}, config).startswith(f"the settings file {config} is not valid TOML: ")


def test_a_secret_can_come_from_a_file_in_every_source(config: Path, tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text("postgresql://me:word@localhost/ocpp\n")
    config.write_text(f'database_file = "{secret}"')
    for settings in (
        load_settings({"database_file": str(secret)}, {"OCPP_ACTORS_DATABASE": "sqlite:///other.db"}),
        load_settings({}, {"OCPP_ACTORS_DATABASE_FILE": str(secret)}),
        load_settings({}, {}, config),
    ):
        assert settings.database == "postgresql://me:word@localhost/ocpp"


def test_a_secret_and_its_file_in_one_source_contradict_each_other(tmp_path: Path) -> None:
    environ = {"OCPP_ACTORS_DATABASE": "sqlite://", "OCPP_ACTORS_DATABASE_FILE": str(tmp_path / "database")}
    assert "OCPP_ACTORS_DATABASE and environment variable OCPP_ACTORS_DATABASE_FILE" in refusal({}, environ)


def test_a_secret_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    secret = tmp_path / "database"
    message = refusal({}, {"OCPP_ACTORS_DATABASE_FILE": str(secret)})
    assert message.endswith(f"the file {secret} cannot be read: No such file or directory")
    secret.write_bytes(b"\xff")
    assert refusal({"database_file": str(secret)}).endswith("cannot be read: it is not text")


def test_only_a_secret_has_a_file_variant() -> None:
    assert "there is no such setting" in refusal({}, {"OCPP_ACTORS_PORT_FILE": "port"})


def test_a_password_is_shown_neither_in_errors_nor_in_the_representation(tmp_path: Path) -> None:
    secret = tmp_path / "database"
    secret.write_text("mysql://me:hunter2@localhost/ocpp")
    for message in (
        refusal({"database": secret.read_text()}),
        refusal({"database_file": str(secret)}),
    ):
        assert "hunter2" not in message
        assert "the value is not allowed, it takes a database URL" in message
    url = "postgresql://me:hunter2@localhost/ocpp"
    shown = repr(Settings(database=url, message_log=url + "_log"))
    assert "hunter2" not in shown
    assert shown.count("postgresql://me:***@localhost/ocpp") == 2


def test_every_setting_says_what_it_is_in_whole_sentences() -> None:
    for each in SETTINGS:
        assert re.fullmatch(r"[A-Z`].*\.", each.text), each.name
        assert each.default
        assert each.kind.allowed


def as_text(value: object) -> str:
    if value is None:
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_every_default_is_allowed_as_text() -> None:
    for each in SETTINGS:
        value = getattr(Settings(), each.name)
        assert getattr(load_settings({each.name: as_text(value)}, {}), each.name) == value, each.name


TOKEN = "0123456789abcdef"


def test_the_operators_side_is_on_loopback_without_a_token() -> None:
    settings = Settings()
    assert (settings.api_host, settings.api_port, settings.api_token) == ("127.0.0.1", 8080, None)
    assert settings.allowed_hosts == ("localhost", "127.0.0.1", "::1")
    assert (settings.trusted_proxies, settings.webhook_url, settings.testing) == ((), None, False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_off_loopback_the_api_needs_a_token(host: str) -> None:
    assert refusal({"api_host": host}).startswith(f"API_TOKEN must be set because API_HOST is {host}")
    assert load_settings({"api_host": host, "api_token": TOKEN}, {}).api_token == TOKEN
    assert load_settings({"api_host": host, "api_port": ""}, {}).api_port is None


def test_an_api_on_one_address_may_be_asked_for_under_it() -> None:
    settings = load_settings({"api_host": "192.168.1.5", "api_token": TOKEN}, {})
    assert settings.allowed_hosts == ("localhost", "127.0.0.1", "::1", "192.168.1.5")


def test_several_values_are_separated_by_commas_or_listed_in_the_file(config: Path) -> None:
    config.write_text('allowed_hosts = ["Charging.example", "[::1]"]\ntrusted_proxies = ["10.0.0.1"]\n')
    settings = load_settings({}, {}, config)
    assert settings.allowed_hosts == ("charging.example", "::1")
    assert settings.trusted_proxies == ("10.0.0.1/32",)
    settings = load_settings({"trusted_proxies": "10.0.0.0/8, ::1"}, {})
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert "addresses or networks" in refusal({"trusted_proxies": "everywhere"})
    assert "without a port" in refusal({"allowed_hosts": "example.com/path"})


def test_events_are_not_posted_unsigned() -> None:
    assert refusal({"webhook_url": "https://example.com/hook"}).startswith("WEBHOOK_SECRET must be set")
    assert "http://" in refusal({"webhook_url": "ftp://example.com", "webhook_secret": TOKEN})


def test_a_token_is_long_enough_and_never_shown() -> None:
    message = refusal({"api_token": "short"})
    assert "16 at least" in message
    assert "'short'" not in message
    settings = load_settings(
        {"api_token": TOKEN, "webhook_secret": TOKEN, "webhook_url": "https://me:pass@example.com/"}, {}
    )
    assert TOKEN not in repr(settings)
    assert "me:pass" not in repr(settings)


@pytest.mark.parametrize(("text", "value"), [("on", True), ("TRUE", True), ("1", True), ("off", False)])
def test_a_switch_is_on_or_off(text: str, value: bool) -> None:
    assert load_settings({"testing": text}, {}).testing is value
    assert "on or off" in refusal({"testing": "perhaps"})
