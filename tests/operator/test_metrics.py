import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from attrs import define
from prometheus_client import parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from tests.operator.facts import AT, EVERY_KIND
from tests.support.central import open_central

from ocpp_actors import observer as o
from ocpp_actors.ledger.actor import Batch
from ocpp_actors.operator.events import Feed
from ocpp_actors.operator.metrics import MAX_QUIRKS, SECURITY_EVENTS, Metrics
from ocpp_actors.operator.webhooks import Delivery
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.server.admission import FAILED_TO_AUTHENTICATE, INVALID_CERTIFICATE, PROFILE_TOO_LOW
from ocpp_actors.server.fleet import IDENTITY_CONFLICT
from ocpp_actors.server.tls import _EVENTS as tls_events  # noqa: N811

DASHBOARD: Final = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"
METRICS_PAGE: Final = Path(__file__).parents[2] / "docs" / "metrics.md"
FOREIGN: Final = ("process_", "python_")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3")


def families(metrics: Metrics) -> dict[str, Metric]:
    text, media_type = metrics.render()
    assert media_type.startswith("text/plain; version=0.0.4")
    return {family.name: family for family in parser.text_string_to_metric_families(text.decode())}


def value(metrics: Metrics, sample: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"ocpp_actors_{sample}", labels)


def tell(metrics: Metrics, *events: o.Event) -> None:
    observer = o.Observer()
    metrics.watch_events(observer)
    for event in events:
        observer.tell(event)


def samples(metrics: Metrics, family: str) -> dict[tuple[str, ...], float]:
    """The samples of a counter by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for sample in families(metrics)[f"ocpp_actors_{family}"].samples
    }


# --- the text --------------------------------------------------------------------------------------------------


def test_every_metric_has_a_name_a_unit_a_type_and_a_help_as_conventions_have_it(metrics: Metrics) -> None:
    tell(metrics, *EVERY_KIND)
    metrics.on_batch(Batch(3, 1, 0.01, 0.005))
    for family in families(metrics).values():
        assert family.documentation, family.name
        assert family.type in {"counter", "gauge", "histogram"}, family.name
        if family.name.startswith(FOREIGN):
            continue
        assert re.fullmatch(r"ocpp_actors(_[a-z]+)+", family.name)
        assert family.documentation.endswith("."), family.name
        if family.type == "counter":
            assert all(sample.name == f"{family.name}_total" for sample in family.samples)
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_requests")), family.name
        words = family.name.split("_")
        assert not {"ms", "milliseconds", "minutes", "kilobytes", "kw", "percent"} & set(words)


def test_the_text_is_also_to_be_had_as_open_metrics(metrics: Metrics) -> None:
    tell(metrics, *EVERY_KIND)
    text, media_type = metrics.render(
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    )
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")
    names = {family.name for family in openmetrics_parser.text_string_to_metric_families(text.decode())}  # type: ignore[no-untyped-call]  # it has no annotations
    assert {"ocpp_actors_connects", "ocpp_actors_build", "process_cpu_seconds"} <= names


def test_two_registries_do_not_meet() -> None:
    first, second = Metrics("1"), Metrics("2")
    tell(first, EVERY_KIND[0])
    assert (value(first, "connects_total"), value(second, "connects_total")) == (1.0, 0.0)


def test_the_build_and_the_process_are_shown(metrics: Metrics) -> None:
    found = families(metrics)
    (build,) = found["ocpp_actors_build_info"].samples
    assert (build.labels["version"], build.value) == ("1.2.3", 1.0)
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= set(found)
    assert {"python_gc_collections", "python_info"} <= set(found)


def test_no_time_of_creation_is_shown(metrics: Metrics) -> None:
    tell(metrics, *EVERY_KIND)
    assert not [name for name in families(metrics) if name.endswith("_created")]


# --- what is counted -------------------------------------------------------------------------------------------


def test_sessions_are_counted_and_their_close_codes_bounded(metrics: Metrics) -> None:
    tell(metrics, o.Connected("CP1", AT, "remote", 1))
    for code in (1000, 1006, 1006, 4711, 3000, 1004):
        tell(metrics, o.Disconnected("CP1", AT, 1, code, ""))
    assert value(metrics, "connects_total") == 1.0
    assert samples(metrics, "disconnects") == {("1000",): 1.0, ("1006",): 2.0, ("other",): 3.0}


def test_messages_are_counted_by_direction(metrics: Metrics) -> None:
    tell(metrics, o.FrameReceived("CP1", AT, "nonsense"))
    for text in ('[3,"1",{}]', '[4,"1","NotImplemented","",{}]', '[4,"1","TypeConstraintViolation","",{}]'):
        tell(metrics, o.FrameSent("CP1", AT, text))
    assert samples(metrics, "messages") == {("received",): 1.0, ("sent",): 3.0}
    assert samples(metrics, "call_errors_sent") == {
        ("NotImplemented",): 1.0,
        ("TypeConstraintViolation",): 1.0,
    }


def test_calls_are_counted_and_timed_by_action(metrics: Metrics) -> None:
    for outcome, seconds in (
        ("CALLRESULT", 0.0004),
        ("CALLRESULT", 0.3),
        ("InternalError", 20.0),
        ("unanswered", 1.0),
    ):
        tell(metrics, o.CallHandled("CP1", AT, "Heartbeat", "1", outcome, seconds))
    assert samples(metrics, "calls_handled") == {
        ("Heartbeat", "CALLRESULT"): 2.0,
        ("Heartbeat", "InternalError"): 1.0,
        ("Heartbeat", "unanswered"): 1.0,
    }
    duration = "call_handling_duration_seconds"
    assert value(metrics, f"{duration}_count", action="Heartbeat") == 4.0
    assert value(metrics, f"{duration}_sum", action="Heartbeat") == pytest.approx(21.3004)
    bounds = {"0.0005": 1.0, "0.25": 1.0, "0.5": 2.0, "10.0": 3.0, "+Inf": 4.0}
    assert {le: value(metrics, f"{duration}_bucket", action="Heartbeat", le=le) for le in bounds} == bounds


def test_names_that_charge_points_make_up_are_counted_together(metrics: Metrics) -> None:
    for number in range(100):
        tell(metrics, o.CallHandled("CP1", AT, f"Bogus{number}", "1", f"Error{number}", 0.1))
        tell(metrics, o.CommandEnded("CP1", AT, f"Bogus{number}", "callError", 0.1, f"Error{number}"))
        tell(metrics, o.SecurityEventRaised("CP1", AT, f"Event{number}", "", f"origin{number}"))
    assert samples(metrics, "calls_handled") == {("other", "other"): 100.0}
    assert samples(metrics, "commands") == {("other", "callError"): 100.0}
    assert samples(metrics, "call_errors_received") == {("other",): 100.0}
    assert samples(metrics, "security_events") == {("other", "other"): 100.0}
    assert value(metrics, "call_handling_duration_seconds_count", action="other") == 100.0


def test_every_action_of_ocpp_is_told_apart(metrics: Metrics) -> None:
    for action in ACTIONS:
        tell(metrics, o.CallHandled("CP1", AT, action, "1", "CALLRESULT", 0.1))
    assert {action for action, _ in samples(metrics, "calls_handled")} == set(ACTIONS)


def test_commands_are_timed_only_where_an_answer_was_waited_for(metrics: Metrics) -> None:
    for outcome in ("answered", "timeout", "lost", "expired"):
        tell(metrics, o.CommandEnded("CP1", AT, "Reset", outcome, 2.0))
    tell(metrics, o.CommandEnded("CP1", AT, "Reset", "callError", 1.0, "NotSupported"))
    assert samples(metrics, "commands") == {
        ("Reset", outcome): 1.0 for outcome in ("answered", "timeout", "lost", "expired", "callError")
    }
    assert value(metrics, "command_duration_seconds_sum", action="Reset") == 5.0
    assert samples(metrics, "call_errors_received") == {("NotSupported",): 1.0}


def test_flags_are_counted_by_quirk_up_to_so_many(metrics: Metrics) -> None:
    for number in range(MAX_QUIRKS + 10):
        tell(metrics, o.Flagged("CP1", AT, f"quirk {number}", ""))
    tell(metrics, o.Flagged("CP1", AT, "quirk 0", ""))
    counted = samples(metrics, "flags")
    assert len(counted) == MAX_QUIRKS + 1
    assert (counted["quirk 0",], counted["other",]) == (2.0, 10.0)


def test_what_the_server_notices_itself_is_counted_by_its_name() -> None:
    tls = {event for event in tls_events.values() if event is not None}
    own = {IDENTITY_CONFLICT, FAILED_TO_AUTHENTICATE, INVALID_CERTIFICATE, PROFILE_TOO_LOW}
    assert own | tls <= SECURITY_EVENTS


def test_security_events_are_counted_by_who_noticed_them(metrics: Metrics) -> None:
    tell(metrics, o.SecurityEventRaised("CP1", AT, "SettingSystemTime", ""))
    tell(metrics, o.SecurityEventRaised("CP1", AT, "IdentityConflict", "", "centralSystem"))
    assert samples(metrics, "security_events") == {
        ("chargePoint", "SettingSystemTime"): 1.0,
        ("centralSystem", "IdentityConflict"): 1.0,
    }


def test_running_transactions_are_counted_from_those_at_the_start(metrics: Metrics) -> None:
    metrics.set_active_transactions(5)
    for transaction_id in (1, 2):
        tell(metrics, o.TransactionStarted("CP1", AT, transaction_id, 1, "TAG"))
    tell(metrics, o.TransactionStopped("CP1", AT, 1, "Local"))
    assert value(metrics, "transactions_active") == 6.0
    assert value(metrics, "transactions_started_total") == 2.0
    assert value(metrics, "transactions_stopped_total") == 1.0


def test_restarts_are_counted(metrics: Metrics) -> None:
    tell(metrics, o.Restarted("CP1", AT, 1, "ValueError"))
    assert value(metrics, "restarts_total") == 1.0


# --- hooks and what is watched ---------------------------------------------------------------------------------


def test_a_commit_of_the_ledger_is_measured(metrics: Metrics) -> None:
    metrics.on_batch(Batch(size=7, failed=2, seconds=0.03, commit_seconds=0.02))
    assert value(metrics, "ledger_batch_requests_sum") == 7.0
    assert value(metrics, "ledger_batch_duration_seconds_sum") == 0.03
    assert value(metrics, "ledger_commit_duration_seconds_sum") == 0.02
    assert value(metrics, "ledger_failures_total") == 2.0


def test_a_value_counts_up_to_the_bound_that_it_equals(metrics: Metrics) -> None:
    metrics.on_lag(0.05)
    buckets = {le: value(metrics, "event_loop_lag_seconds_bucket", le=le) for le in ("0.025", "0.05", "+Inf")}
    assert buckets == {"0.025": 0.0, "0.05": 1.0, "+Inf": 1.0}


def test_lag_and_deliveries_are_counted(metrics: Metrics) -> None:
    metrics.on_lag(0.04)
    metrics.on_delivery(Delivery.DELIVERED)
    assert value(metrics, "event_loop_lag_seconds_bucket", le="0.05") == 1.0
    assert value(metrics, "event_loop_lag_seconds_bucket", le="0.025") == 0.0
    assert samples(metrics, "webhook_deliveries") == {
        ("delivered",): 1.0, ("refused",): 0.0, ("failed",): 0.0, ("dropped",): 0.0,
    }  # fmt: skip


@define
class Parts:
    """What is watched, each with a number of its own."""

    waiting: int = 3
    dropped: int = 4
    clients: int = 5

    def __len__(self) -> int:
        return 6

    def total_power(self) -> float:
        return 7.5


def test_the_parts_of_the_server_are_shown_as_they_are_when_asked(metrics: Metrics) -> None:
    parts: Any = Parts()
    metrics.watch_ledger(parts)
    metrics.watch_message_log(parts)
    metrics.watch_feed(parts)
    metrics.watch_webhooks(parts)
    metrics.watch_live(parts)
    shown = {
        "ledger_requests_waiting": 3.0,
        "message_log_dropped_total": 4.0,
        "event_clients": 5.0,
        "event_clients_dropped_total": 4.0,
        "webhook_events_waiting": 6.0,
        "power_watts": 7.5,
    }
    assert {name: value(metrics, name) for name in shown} == shown
    parts.clients = 0
    assert value(metrics, "event_clients") == 0.0


def test_parts_that_are_not_there_show_nothing(metrics: Metrics) -> None:
    metrics.watch_ledger(object())
    for name in ("connections", "commands_waiting", "ledger_requests_waiting", "message_log_dropped_total"):
        assert value(metrics, name) == 0.0


async def test_a_fleet_shows_its_connections_and_what_a_real_session_counts(autojump_clock: object) -> None:
    metrics = Metrics("1")
    async with open_central() as central:
        metrics.watch_fleet(central.fleet)
        metrics.watch_events(central.system.observer)
        feed = Feed("e")
        metrics.watch_feed(feed)
        async with central.charger() as charger:
            await charger.boot()
            await charger.call("Bogus", {})
            assert value(metrics, "connections") == 1.0
    assert value(metrics, "calls_handled_total", action="BootNotification", outcome="CALLRESULT") == 1.0
    assert value(metrics, "calls_handled_total", action="other", outcome="NotImplemented") == 1.0
    assert value(metrics, "call_errors_sent_total", code="NotImplemented") == 1.0
    assert value(metrics, "connections") == 0.0


# --- the dashboard ---------------------------------------------------------------------------------------------


def expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (text for name in ("expr", "definition") if isinstance(text := node.get(name), str))
        for child in node.values():
            yield from expressions(child)
    elif isinstance(node, list):
        for child in node:
            yield from expressions(child)


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:ocpp_actors|process|python)_[a-z_]+", expression))


def rendered(metrics: Metrics) -> dict[str, set[str]]:
    """The samples of a registry in which all has happened: their names, and the labels of each."""
    tell(metrics, *EVERY_KIND)
    tell(metrics, o.FrameSent("CP1", AT, '[4,"1","InternalError","",{}]'))
    metrics.on_batch(Batch(1, 1, 0.1, 0.1))
    found: dict[str, set[str]] = {}
    for family in families(metrics).values():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_the_dashboard_asks_only_for_metrics_and_labels_that_exist(metrics: Metrics) -> None:
    known = rendered(metrics)
    asked = list(expressions(orjson.loads(DASHBOARD.read_bytes())))
    assert len(asked) > 30
    for expression in asked:
        names = names_in(expression)
        assert names, expression
        assert names <= set(known), expression
        labels = {"le", "instance"}.union(*(known[name] for name in names))
        by = {
            label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")
        }
        filtered = {
            label
            for group in re.findall(r"\{([^}]*)\}", expression)
            for label in re.findall(r"(\w+)[!=]", group)
        }
        assert by | filtered <= labels, expression
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression


def test_the_dashboard_shows_every_metric_of_ours(metrics: Metrics) -> None:
    shown = set().union(*map(names_in, expressions(orjson.loads(DASHBOARD.read_bytes()))))
    ours = {name for name in families(metrics) if not name.startswith(FOREIGN)}
    missing = {name for name in ours if not any(sample.startswith(name) for sample in shown)}
    assert missing == set()


def test_counters_on_the_dashboard_are_looked_at_as_rates_and_nothing_else_is() -> None:
    for expression in expressions(orjson.loads(DASHBOARD.read_bytes())):
        for name, counted in re.findall(
            r"((?:ocpp_actors|process|python)_[a-z_]+)\{[^}]*\}(\[)?", expression
        ):
            counter = name.endswith(("_total", "_bucket", "_sum", "_count"))
            assert counter is bool(counted), expression


def test_the_documentation_has_every_metric_with_its_type_and_labels_and_no_other(metrics: Metrics) -> None:
    known = rendered(metrics)
    rows = re.findall(r"^\| `(ocpp_actors_\w+)` \| (\w+) \| (.*) \|$", METRICS_PAGE.read_text(), re.MULTILINE)
    documented = {name: kind for name, kind, _ in rows}
    assert documented == {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in families(metrics).values()
        if not family.name.startswith(FOREIGN)
    }
    for name, kind, text in rows:
        labels = known[f"{name}_count" if kind == "histogram" else name]
        assert all(f"`{label}`" in text for label in labels), name
