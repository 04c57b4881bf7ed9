"""A session touches nothing that is not its own, and leaves nothing but its report."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ocpp_actors.testbench.isolation import new_label, refuse_what_is_not_ours, session_directory
from ocpp_actors.testbench.profiles.profile import ProfileError
from ocpp_actors.testbench.profiles.reading import load

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def refuse(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    refuse_what_is_not_ours(load(str(path), {}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[central_system]\nurl = 'ws://127.0.0.1:9000/ocpp'", "central_system.foreign = true"),
        ("[central_system]\nurl = 'ws://10.0.0.1/ocpp'\nforeign = true", "central_system.anywhere = true"),
        ("[central_system]\nurl = 'ws://csms.example/ocpp'\nforeign = true", "csms.example is beyond this machine"),
        (
            "[central_system]\nurl = 'ws://127.0.0.1:9000/ocpp'\nforeign = true\napi_url = 'http://10.0.0.1:8080'",
            "10.0.0.1 is beyond this machine",
        ),
        ("[central_system]\nurl = 'ws://[::1]:9/ocpp'\nforeign = true\n[server]\nping_interval = 3", ":9/ocpp is not"),
        ("[central_system]\nurl = 'ws://[::1]:9/ocpp'\nforeign = true\n[[restarts]]\nat = 1", "[::1]:9/ocpp is not"),
        ("[central_system]\napi_url = 'http://127.0.0.1:8080'", "goes with central_system.url only"),
        ("[server]\ndatabase = 'sqlite:///ocpp-actors.db'", "server.database is storage that the session did not make"),
        ("[server]\nmessage_log = 'messages.db'", "central_system.foreign_storage = true"),
        ("[server]\nport = 9000", "server.port is an address that the session did not make"),
        ("[server]\napi_token = 'a-token-of-sixteen-characters'", "server.api_token is made by the session"),
        ("[central_system]\nforeign_storage = true\n[server]\nhost = '0.0.0.0'", "0.0.0.0 is beyond this machine"),
        ("[[chargers]]\nkind = 'attached'\napi = ['http://10.0.0.1:8000']", "10.0.0.1 is beyond this machine"),
        ("[[chargers]]\nkind = 'attached'\nidentities = ['A']\nlisten = '0.0.0.0:9000'", "0.0.0.0 is beyond"),
    ],
)  # fmt: skip
def test_refused_until_told_in_so_many_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ProfileError) as error:
        refuse(tmp_path, text)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[server]\nheartbeat_interval = 60\nmessage_log = 'off'",
        "[central_system]\nurl = 'ws://127.0.0.1:9000/ocpp'\nforeign = true",
        "[central_system]\nurl = 'wss://csms.example/ocpp'\nforeign = true\nanywhere = true",
        "[central_system]\nforeign_storage = true\n[server]\ndatabase = 'sqlite:///mine.db'\nport = 9100",
        "[central_system]\nanywhere = true\n[[chargers]]\nkind = 'attached'\nidentities = ['A']\nlisten = '0.0.0.0:9'",
    ],
)
def test_taken(tmp_path: Path, text: str) -> None:
    refuse(tmp_path, text)


def test_labels_differ() -> None:
    assert len({new_label() for _ in range(500)}) > 495
    assert len(f"{new_label()}-99999-T99999") <= 20, "an idTag has at most 20 characters"


def test_after_success_only_the_report_is_left(tmp_path: Path) -> None:
    with session_directory(tmp_path / "new" / "deep", "basic", "label", NOW) as directory:
        (directory.work / "ledger.db").touch()
        (directory.path / "report.html").touch()
    assert [each.name for each in directory.path.iterdir()] == ["report.html"]
    assert directory.path.name == "20260301-120000-basic-label"


def test_frames_belong_to_the_report(tmp_path: Path) -> None:
    with session_directory(tmp_path, "basic", "label", NOW) as directory:
        (directory.frames / "CP1.jsonl").touch()
    assert [each.name for each in directory.path.iterdir()] == ["frames"]


def test_after_a_failure_all_is_left(tmp_path: Path) -> None:
    with session_directory(tmp_path, "basic", "label", NOW) as directory:
        (directory.work / "ledger.db").touch()
        directory.keep = True
    assert (directory.work / "ledger.db").exists()


def test_what_breaks_leaves_all(tmp_path: Path) -> None:
    def break_it() -> None:
        with session_directory(tmp_path, "basic", "label", NOW) as directory:
            (directory.work / "ledger.db").touch()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_it()
    assert [each.name for each in tmp_path.rglob("*.db")] == ["ledger.db"]


@pytest.mark.parametrize("broken", [False, True])
def test_what_is_cut_leaves_nothing_that_was_not_there(tmp_path: Path, broken: bool) -> None:
    (tmp_path / "there").mkdir()
    try:
        with session_directory(tmp_path / "there" / "a" / "b", "basic", "label", NOW) as directory:
            (directory.work / "ledger.db").touch()
            directory.discard = True
            if broken:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert list((tmp_path / "there").iterdir()) == []


def test_what_somebody_else_put_beside_it_stays(tmp_path: Path) -> None:
    with session_directory(tmp_path / "a", "basic", "label", NOW) as directory:
        directory.discard = True
        (tmp_path / "a" / "other").mkdir()
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["other"]


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ProfileError, match="cannot be made: Not a directory"),
        session_directory(tmp_path / "file", "basic", "label", NOW),
    ):
        pass


def test_the_work_is_for_its_owner_alone(tmp_path: Path) -> None:
    with session_directory(tmp_path, "basic", "label", NOW) as directory:
        assert directory.work.stat().st_mode & 0o077 == 0
