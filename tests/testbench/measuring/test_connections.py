"""Connection stability: connected charger-seconds ÷ those with the link up, less one reconnect interval an outage."""

import pytest

from ocpp_actors.testbench.measuring.connections import MAX_SPANS, Connection, LinkState


@pytest.fixture
def connection() -> Connection:
    return Connection(reconnect_interval=10, at=0)


def test_one_that_was_never_expected_is_stable(connection: Connection) -> None:
    connection.down("off", 0)
    connection.advance(100)
    assert (connection.stability, connection.expected_seconds) == (1.0, 0)


def test_one_that_never_comes_is_excused_for_one_interval_only(connection: Connection) -> None:
    connection.advance(100)
    assert connection.expected_seconds == 90
    assert connection.stability == 0


def test_an_outage_within_the_interval_costs_nothing(connection: Connection) -> None:
    connection.opened(0)
    connection.closed(50)
    connection.opened(60)
    connection.advance(100)
    assert (connection.connected_seconds, connection.expected_seconds, connection.outages) == (90, 90, 1)


def test_what_is_beyond_the_interval_costs(connection: Connection) -> None:
    connection.opened(0)
    connection.closed(50)
    connection.opened(75)
    connection.advance(100)
    assert connection.stability == pytest.approx(75 / 90)


def test_each_outage_has_an_interval_of_its_own(connection: Connection) -> None:
    connection.opened(0)
    for at in (20, 40, 60, 80):
        connection.closed(at)
        connection.opened(at + 10)
    connection.advance(100)
    assert connection.stability == 1


def test_looking_often_does_not_excuse_more(connection: Connection) -> None:
    connection.opened(0)
    connection.closed(50)
    for at in range(51, 90):
        connection.advance(at)
    connection.opened(90)
    connection.advance(100)
    assert connection.expected_seconds == 90
    assert connection.connected_seconds == 60


def test_time_with_the_link_down_does_not_count_and_the_interval_begins_after_it(
    connection: Connection,
) -> None:
    connection.opened(0)
    connection.down("link", 20)
    connection.closed(21)
    connection.up("link", 60)
    connection.opened(75)
    connection.advance(100)
    assert connection.connected_seconds == 20 + 25
    assert connection.expected_seconds == 20 + 5 + 25
    assert connection.outages == 0


def test_a_connection_that_outlives_a_cut_link_counts_only_with_the_link(connection: Connection) -> None:
    connection.opened(0)
    connection.down("link", 20)
    connection.up("link", 60)
    connection.advance(100)
    assert (connection.connected_seconds, connection.expected_seconds) == (60, 60)


def test_reasons_overlap(connection: Connection) -> None:
    connection.opened(0)
    connection.down("link", 10)
    connection.down("server", 20)
    connection.up("link", 30)
    states = [connection.state]
    connection.up("server", 40)
    assert [*states, connection.state] == [LinkState.DOWN, LinkState.CONNECTED]


def test_the_end_of_what_did_not_begin_changes_nothing(connection: Connection) -> None:
    connection.opened(0)
    connection.closed(10)
    connection.up("link", 25)
    connection.advance(40)
    assert connection.expected_seconds == 10 + 20


def test_the_timeline_joins_what_is_alike(connection: Connection) -> None:
    connection.down("off", 0)
    connection.up("off", 5)
    connection.opened(6)
    connection.advance(7)
    connection.advance(9)
    connection.closed(10)
    connection.advance(12)
    assert [(span.start, span.end, span.state) for span in connection.spans] == [
        (0, 5, "down"),
        (5, 6, "away"),
        (6, 10, "connected"),
        (10, 12, "away"),
    ]


def test_the_timeline_is_bounded_and_the_numbers_go_on(connection: Connection) -> None:
    for at in range(0, 4 * MAX_SPANS, 2):
        connection.opened(at)
        connection.closed(at + 1)
    assert len(connection.spans) == MAX_SPANS
    assert connection.connected_seconds == 2 * MAX_SPANS
