"""The observer passes events on, whatever its subscribers do."""

from datetime import UTC, datetime

from ocpp_actors.observer import Connected, Event, Flagged, Observer, Restarted

EVENT = Flagged("CP1", datetime(2026, 3, 1, tzinfo=UTC), "quirk", "detail")


def fail(event: Event) -> None:
    raise RuntimeError("a subscriber's bug")


def test_every_subscriber_sees_every_event_in_order() -> None:
    seen: list[tuple[int, Event]] = []
    observer = Observer(lambda event: seen.append((1, event)))
    observer.subscribe(lambda event: seen.append((2, event)))
    observer.tell(EVENT)
    assert seen == [(1, EVENT), (2, EVENT)]


def test_a_subscriber_sees_nothing_of_what_was_before_it() -> None:
    seen: list[Event] = []
    observer = Observer()
    observer.tell(EVENT)
    observer.subscribe(seen.append)
    assert seen == []
    observer.tell(EVENT)
    assert seen == [EVENT]


def test_a_subscriber_sees_events_of_the_classes_that_it_wants_and_no_others() -> None:
    seen: list[tuple[str, Event]] = []
    observer = Observer()
    observer.subscribe(lambda event: seen.append(("two", event)), Flagged, Restarted)
    observer.subscribe(lambda event: seen.append(("one", event)), Connected)
    observer.subscribe(lambda event: seen.append(("all", event)))
    restarted = Restarted("CP1", EVENT.at, 1, "ValueError")
    connected = Connected("CP1", EVENT.at, "remote", 1)
    for event in (EVENT, connected, restarted):
        observer.tell(event)
    assert seen == [
        ("two", EVENT),
        ("all", EVENT),
        ("one", connected),
        ("all", connected),
        ("two", restarted),
        ("all", restarted),
    ]


def test_a_subscriber_that_fails_disturbs_neither_the_teller_nor_the_others() -> None:
    seen: list[Event] = []
    observer = Observer(fail, seen.append)
    observer.tell(EVENT)
    observer.tell(EVENT)
    assert seen == [EVENT, EVENT]
