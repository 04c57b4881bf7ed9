import pytest

from ocpp_actors.homes import home_of


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("fe80::1%eth0", "fe80::"),
        ("gone", "gone"),
        ("", ""),
    ],
)
def test_failures_count_for_an_address_or_for_its_64(address: str, home: str) -> None:
    assert home_of(address) == home
