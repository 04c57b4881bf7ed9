import json
from typing import Any

import pytest

from ocpp_actors.testbench.microocpp.store import Seed, SeedRefused, api_url, store_files

URL = "ws://127.0.0.1:9000/ocpp"


def seed(**more: Any) -> Seed:
    return Seed(**{"identity": "SIM001", "backend_url": URL, **more})


def keys(text: str) -> dict[str, tuple[str, Any]]:
    content = json.loads(text)
    assert content["head"] == {"content-type": "ocpp_config_file", "version": "2.0"}
    return {each["key"]: (each["type"], each["value"]) for each in content["configurations"]}


def test_where_it_connects_and_listens() -> None:
    files = store_files(seed(), 8101)
    assert set(files) == {"api.jsn", "ws-conn.jsn", "ocpp-config.jsn"}
    assert json.loads(files["api.jsn"]) == {"url": "http://127.0.0.1:8101"}
    assert keys(files["ws-conn.jsn"]) == {
        "Cst_BackendUrl": ("string", URL),
        "Cst_ChargeBoxId": ("string", "SIM001"),
        "AuthorizationKey": ("string", ""),
    }
    assert keys(files["ocpp-config.jsn"]) == {}


def test_the_key_is_written_in_hexadecimal_and_not_shown() -> None:
    own = seed(key=b"s3cret\xff")
    assert keys(store_files(own, 1)["ws-conn.jsn"])["AuthorizationKey"] == ("string", "733363726574FF")
    assert "s3cret" not in repr(own)


def test_configuration_keys_have_their_types_and_places() -> None:
    files = store_files(
        seed(
            configuration={
                "MeterValueSampleInterval": 5,
                "LocalPreAuthorize": True,
                "MeterValuesSampledData": "Voltage",
                "Cst_ReconnectInterval": 1,
                "WebSocketPingInterval": 2,
            }
        ),
        1,
    )
    assert keys(files["ocpp-config.jsn"]) == {
        "MeterValueSampleInterval": ("int", 5),
        "LocalPreAuthorize": ("bool", True),
        "MeterValuesSampledData": ("string", "Voltage"),
    }
    connection = keys(files["ws-conn.jsn"])
    assert connection["Cst_ReconnectInterval"] == ("int", 1)
    assert connection["WebSocketPingInterval"] == ("int", 2)


def test_an_api_on_ipv6() -> None:
    assert api_url(seed(api_host="::1"), 8101) == "http://[::1]:8101"


@pytest.mark.parametrize("identity", ["", "A B", "A/B", "100%", "Ä", "A?b", 'A"', "x" * 49])
def test_an_identity_that_it_could_not_send(identity: str) -> None:
    with pytest.raises(SeedRefused, match="does not escape it"):
        seed(identity=identity)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:9000",
        "http://127.0.0.1:9000/ocpp",
        "ws:///ocpp",
        "ws://127.0.0.1:port/ocpp",
        "ws://127.0.0.1:0/ocpp",
        "ws://127.0.0.1:99999/ocpp",
        "ws://[::1/ocpp",
        "ws://127.0.0.1:9000/ocpp?a=b",
        "ws://127.0.0.1:9000/%20",
        "ws://user@127.0.0.1:9000/ocpp",
    ],
)
def test_a_backend_that_is_none(url: str) -> None:
    with pytest.raises(SeedRefused, match="write it as ws://HOST:PORT/PATH"):
        seed(backend_url=url)


@pytest.mark.parametrize("url", ["ws://localhost:9000/ocpp", "ws://[::1]:9000", "wss://127.8.0.1/ocpp/"])
def test_a_backend_on_this_machine(url: str) -> None:
    assert seed(backend_url=url).backend_url == url


def test_another_machine_only_in_so_many_words() -> None:
    elsewhere = "ws://central.example/ocpp"
    with pytest.raises(
        SeedRefused, match=r"connect to central\.example, which is beyond this machine: allow it with"
    ):
        seed(backend_url=elsewhere)
    with pytest.raises(SeedRefused, match=r"listen on 0\.0\.0\.0, which is beyond this machine"):
        seed(api_host="0.0.0.0")
    allowed = seed(backend_url=elsewhere, api_host="0.0.0.0", beyond_loopback=True)
    assert json.loads(store_files(allowed, 8000)["api.jsn"]) == {"url": "http://0.0.0.0:8000"}


@pytest.mark.parametrize("key", [b"", b"x" * 21])
def test_a_key_of_the_wrong_length(key: bytes) -> None:
    with pytest.raises(SeedRefused, match=f"the key has {len(key)} bytes"):
        seed(key=key)


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ({"AuthorizationKey": "AB"}, "given as key"),
        ({"Cst_BackendUrl": URL}, "given as backend_url"),
        ({"": 1}, "without a name"),
        ({"HeartbeatInterval": 1.5}, "HeartbeatInterval is 1.5: it has to be"),
        ({"HeartbeatInterval": 2**31}, "integers of 32 bits"),
    ],
)
def test_a_configuration_key_that_cannot_be_seeded(configuration: Any, told: str) -> None:
    with pytest.raises(SeedRefused, match=told):
        seed(configuration=configuration)
