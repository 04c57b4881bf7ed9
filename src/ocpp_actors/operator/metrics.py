"""Metrics in the conventions of Prometheus: what happens is counted as it is told, the rest is read when asked for.

Values of labels that come from charge points are bounded: what is not known by name is counted as ``other``.
"""

import platform
from collections.abc import Callable, Collection
from typing import Any, Final, Protocol, runtime_checkable

import orjson
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics import exposition as openmetrics

from ocpp_actors import observer as o
from ocpp_actors.ledger.actor import Batch
from ocpp_actors.ledger.message_log import MessageLog
from ocpp_actors.ledger.port import CommandState, Origin
from ocpp_actors.operator.counting import ByLabels, Count, Counter, Distribution, Histogram, Read
from ocpp_actors.operator.events import Feed
from ocpp_actors.operator.live import Live
from ocpp_actors.operator.webhooks import Delivery, Webhooks
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.server.fleet import Fleet

MAX_QUIRKS: Final = 50
"""Names of quirks that are told apart; they come from this code, which has far fewer."""

LATENCY_BUCKETS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
COMMAND_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIZE_BUCKETS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)

CLOSE_CODES: Final = frozenset(str(code) for code in (*range(1000, 1004), *range(1005, 1016)))
"""Close codes of RFC 6455 §7.4.1 and the registry it made."""

HANDLED: Final = frozenset({"CALLRESULT", "unanswered", *ErrorCode})
WITH_ANSWER: Final = frozenset(
    {CommandState.ANSWERED, CommandState.CALL_ERROR, CommandState.INVALID, CommandState.TIMEOUT}
)
"""Outcomes of commands that were sent, and waited for as long as need be."""

SECURITY_EVENTS: Final = frozenset(
    {
        "AttemptedReplayAttacks",
        "CentralSystemFailedToAuthenticate",
        "FailedToAuthenticateAtCentralSystem",
        "FirmwareUpdated",
        "IdentityConflict",
        "InvalidCentralSystemCertificate",
        "InvalidChargePointCertificate",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidMessages",
        "InvalidTLSCipherSuite",
        "InvalidTLSVersion",
        "MemoryExhaustion",
        "ReconfigurationOfSecurityParameters",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "SecurityProfileTooLow",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "TamperDetectionActivated",
    }
)
"""The security events of the security whitepaper §5 (list of security events), and our own."""


@runtime_checkable
class Queued(Protocol):
    """A ledger that has a queue."""

    @property
    def waiting(self) -> int:
        """How many requests are queued or being carried out."""
        ...


class Metrics:
    """Counts, and renders the numbers.

    The parts of the server are watched: ``watch_…``. Those that are not there show 0. It is for one thread.
    """

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._make_session_metrics()
        self._make_call_metrics()
        self._make_storage_metrics()
        self._make_operator_metrics()
        self._make_process_metrics(version)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their media type: OpenMetrics where the Accept header asks for it, else text."""
        if "application/openmetrics-text" in accept.lower():
            text: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]  # ditto
            return text, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    # --- what is watched ---------------------------------------------------------------------------------------

    def watch_events(self, observer: o.Observer) -> None:
        """Count what an observer is told."""
        counts_of: dict[type[o.Event], Callable[[Any], None]] = {
            o.Connected: self._count_connected,
            o.Disconnected: self._count_disconnected,
            o.FrameReceived: self._count_received,
            o.FrameSent: self._count_sent,
            o.CallHandled: self._count_handled,
            o.CommandEnded: self._count_command,
            o.Restarted: self._count_restart,
            o.Flagged: self._count_flag,
            o.SecurityEventRaised: self._count_security_event,
            o.TransactionStarted: self._count_started,
            o.TransactionStopped: self._count_stopped,
        }
        for class_, count in counts_of.items():
            observer.subscribe(count, class_)

    def watch_fleet(self, fleet: Fleet) -> None:
        """Show connections and waiting commands of a fleet."""
        self._connections.set_function(lambda: len(fleet))
        self._commands_waiting.set_function(lambda: fleet.commands_waiting)

    def watch_ledger(self, ledger: object) -> None:
        """Show the queue of a ledger, if it has one; ``on_batch`` is the hook for the rest."""
        if isinstance(ledger, Queued):
            self._ledger_waiting.set_function(lambda: ledger.waiting)

    def watch_message_log(self, message_log: MessageLog) -> None:
        """Show what a message log has lost."""
        self._message_log_dropped.read = lambda: message_log.dropped

    def watch_feed(self, feed: Feed) -> None:
        """Show the clients of a feed."""
        self._event_clients.set_function(lambda: feed.clients)
        self._event_clients_dropped.read = lambda: feed.dropped

    def watch_live(self, live: Live) -> None:
        """Show the power of the running transactions of charge points that are online."""
        self._power.set_function(live.total_power)

    def watch_webhooks(self, webhooks: Webhooks) -> None:
        """Show the queue of the webhooks; ``on_delivery`` is the hook for the rest."""
        self._webhook_waiting.set_function(lambda: len(webhooks))

    # --- hooks -------------------------------------------------------------------------------------------------

    def set_active_transactions(self, number: int) -> None:
        """Take over the transactions that were active at the start; from then on they are counted."""
        self._transactions_active.set(number)

    def on_batch(self, batch: Batch) -> None:
        """Take note of what a commit of the ledger took; a hook of open_ledger()."""
        self._ledger_batch_size.observe(batch.size)
        self._ledger_batch_seconds.observe(batch.seconds)
        self._ledger_commit_seconds.observe(batch.commit_seconds)
        if batch.failed:
            self._ledger_failures.value += batch.failed

    def on_lag(self, seconds: float) -> None:
        """Take note of how late the event loop is; a hook of LoopLag."""
        self._lag.observe(seconds)

    def on_delivery(self, delivery: Delivery) -> None:
        """Count what became of an event for the webhook; a hook of Webhooks."""
        self._deliveries[delivery].value += 1

    # --- counting ----------------------------------------------------------------------------------------------

    def _count_connected(self, event: o.Connected) -> None:  # noqa: ARG002 — as all of these
        self._connects.value += 1

    def _count_disconnected(self, event: o.Disconnected) -> None:
        self._disconnects[str(event.code)].value += 1

    def _count_received(self, event: o.FrameReceived) -> None:  # noqa: ARG002
        self._received.value += 1

    def _count_sent(self, event: o.FrameSent) -> None:
        self._sent.value += 1
        if event.text.startswith("[4,"):
            self._call_errors_sent[orjson.loads(event.text)[2]].value += 1

    def _count_handled(self, event: o.CallHandled) -> None:
        self._handled[event.action, event.outcome].value += 1
        self._handling_seconds[event.action].observe(event.seconds)

    def _count_command(self, event: o.CommandEnded) -> None:
        self._commands[event.action, event.outcome].value += 1
        if event.outcome in WITH_ANSWER:
            self._command_seconds[event.action].observe(event.seconds)
        if event.error_code is not None:
            self._call_errors_received[event.error_code].value += 1

    def _count_restart(self, event: o.Restarted) -> None:  # noqa: ARG002
        self._restarts.value += 1

    def _count_flag(self, event: o.Flagged) -> None:
        if event.quirk not in self._quirks and len(self._quirks) < MAX_QUIRKS:
            self._quirks.add(event.quirk)
        self._flags[event.quirk].value += 1

    def _count_security_event(self, event: o.SecurityEventRaised) -> None:
        self._security_events[event.origin, event.type].value += 1

    def _count_started(self, event: o.TransactionStarted) -> None:  # noqa: ARG002
        self._transactions_started.value += 1
        self._transactions_active.inc()

    def _count_stopped(self, event: o.TransactionStopped) -> None:  # noqa: ARG002
        self._transactions_stopped.value += 1
        self._transactions_active.dec()

    # --- the metrics -------------------------------------------------------------------------------------------

    def _make_session_metrics(self) -> None:
        self._connections = self._gauge("connections", "Charge points that are connected.")
        self._connects = self._counter("connects", "Sessions of charge points that began.")
        self._disconnects = self._labelled_counter(
            "disconnects",
            "Sessions that ended, by WebSocket close code; 1006: none was exchanged.",
            code=CLOSE_CODES,
        )
        messages = self._labelled_counter(
            "messages",
            "WebSocket messages of charge points, by direction as the server sees it.",
            direction=frozenset({"received", "sent"}),
        )
        self._received, self._sent = messages["received"], messages["sent"]
        self._restarts = self._counter(
            "restarts", "Crashes of the task tree of a charge point after which it was started again."
        )
        self._quirks: set[str] = set()
        self._flags = self._labelled_counter(
            "flags",
            "Odd things that charge points did and that were put up with, by quirk.",
            quirk=self._quirks,
        )
        self._security_events = self._labelled_counter(
            "security_events",
            "Security events, by who noticed them and type.",
            origin=frozenset(Origin),
            type=SECURITY_EVENTS,
        )

    def _make_call_metrics(self) -> None:
        actions = frozenset(ACTIONS)
        self._handled = self._labelled_counter(
            "calls_handled",
            "CALLs of charge points, by action and outcome: CALLRESULT, the code of a CALLERROR, or unanswered.",
            action=actions,
            outcome=HANDLED,
        )
        self._handling_seconds = self._labelled_histogram(
            "call_handling_duration_seconds",
            "Time from the receipt of a CALL of a charge point to its answer.",
            LATENCY_BUCKETS,
            action=actions,
        )
        self._commands = self._labelled_counter(
            "commands",
            "CALLs to charge points that came to their end, by action and outcome.",
            action=actions,
            outcome=frozenset(CommandState),
        )
        self._command_seconds = self._labelled_histogram(
            "command_duration_seconds",
            "Time from the sending of a CALL to a charge point to its answer, or until it was given up.",
            COMMAND_BUCKETS,
            action=actions,
        )
        self._commands_waiting = self._gauge(
            "commands_waiting", "Commands that wait to be sent to charge points."
        )
        codes = frozenset(ErrorCode)
        self._call_errors_sent = self._labelled_counter(
            "call_errors_sent", "CALLERRORs that were sent to charge points, by code.", code=codes
        )
        self._call_errors_received = self._labelled_counter(
            "call_errors_received",
            "CALLERRORs with which charge points answered commands, by code.",
            code=codes,
        )
        self._transactions_active = self._gauge("transactions_active", "Transactions that run.")
        self._transactions_started = self._counter("transactions_started", "Transactions that were recorded.")
        self._transactions_stopped = self._counter("transactions_stopped", "Transactions that got their end.")
        self._power = self._gauge(
            "power_watts",
            "Power of the running transactions of connected charge points, as far as meter values tell it.",
        )

    def _make_storage_metrics(self) -> None:
        self._ledger_batch_size = self._histogram(
            "ledger_batch_requests",
            "Requests that were carried out in one commit of the ledger.",
            SIZE_BUCKETS,
        )
        self._ledger_batch_seconds = self._histogram(
            "ledger_batch_duration_seconds",
            "Time that a batch of the ledger took, commit included.",
            LATENCY_BUCKETS,
        )
        self._ledger_commit_seconds = self._histogram(
            "ledger_commit_duration_seconds", "Time that a commit of the ledger took.", LATENCY_BUCKETS
        )
        self._ledger_failures = self._counter(
            "ledger_failures", "Requests that the ledger could not carry out."
        )
        self._ledger_waiting = self._gauge(
            "ledger_requests_waiting", "Requests that are queued for the ledger or being carried out."
        )
        self._message_log_dropped = self._read(
            "message_log_dropped",
            "Messages that the message log has lost because it could not keep up or failed.",
        )

    def _make_operator_metrics(self) -> None:
        self._event_clients = self._gauge("event_clients", "Clients that follow the stream of events.")
        self._event_clients_dropped = self._read(
            "event_clients_dropped",
            "Clients of the stream of events that were dropped because they were slow.",
        )
        self._deliveries = self._labelled_counter(
            "webhook_deliveries",
            "Events for the webhook, by what became of them.",
            outcome=frozenset(Delivery),
        )
        for delivery in Delivery:
            self._deliveries[delivery].value = 0
        self._webhook_waiting = self._gauge(
            "webhook_events_waiting", "Events that wait to be posted to the webhook."
        )

    def _make_process_metrics(self, version: str) -> None:
        self._lag = self._histogram(
            "event_loop_lag_seconds",
            "How much later than asked for the event loop wakes a task.",
            LAG_BUCKETS,
        )
        build = Info(
            "ocpp_actors_build", "What runs: version of the server and of Python.", registry=self.registry
        )
        build.info({"version": version, "python": platform.python_version()})
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(f"ocpp_actors_{name}", documentation, registry=self.registry)

    def _counter(self, name: str, documentation: str) -> Count:
        return self._labelled_counter(name, documentation)[()]

    def _histogram(self, name: str, documentation: str, bounds: tuple[float, ...]) -> Distribution:
        return self._labelled_histogram(name, documentation, bounds)[()]

    def _labelled_counter(self, name: str, documentation: str, **known: Collection[str]) -> ByLabels[Count]:
        counter = Counter(f"ocpp_actors_{name}", documentation, **known)
        self.registry.register(counter)
        return counter.by_labels

    def _labelled_histogram(
        self, name: str, documentation: str, bounds: tuple[float, ...], **known: Collection[str]
    ) -> ByLabels[Distribution]:
        histogram = Histogram(f"ocpp_actors_{name}", documentation, bounds, **known)
        self.registry.register(histogram)
        return histogram.by_labels

    def _read(self, name: str, documentation: str) -> Read:
        read = Read(f"ocpp_actors_{name}", documentation)
        self.registry.register(read)
        return read
