"""Events of every kind, as the lower floors tell them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from tests.support.central import START

from ocpp_actors import observer as o

AT: Final = START + timedelta(microseconds=4_250)
AT_TEXT: Final = "2026-03-01T12:00:00.004Z"


def status(identity: str = "CP1", connector_id: int = 1, status: str = "Available") -> o.Event:
    return o.ConnectorStatusChanged(identity, AT, connector_id, status, "NoError")


def frame(text: str = '[2,"1","Heartbeat",{}]', identity: str = "CP1") -> o.Event:
    return o.FrameReceived(identity, AT, text)


def tell_all(tell: Callable[[o.Event], None]) -> None:
    for event in EVERY_KIND:
        tell(event)


EVERY_KIND: Final[tuple[o.Event, ...]] = (
    o.Connected("CP1", AT, "192.0.2.7:4711", 3),
    o.FrameReceived("CP1", AT, '[2,"1","Heartbeat",{}]'),
    o.FrameSent("CP1", AT, '[3,"1",{}]'),
    o.CallHandled("CP1", AT, "Heartbeat", "1", "CALLRESULT", 0.002),
    o.CommandEnded("CP1", AT, "Reset", "callError", 0.25, "NotSupported", 17),
    o.Restarted("CP1", AT, 3, "ValueError"),
    o.Flagged("CP1", AT, "late reply", "reply to m1"),
    o.SecurityEventRaised("CP1", AT, "TamperDetectionActivated", "lid"),
    o.ConnectorStatusChanged("CP1", AT, 1, "Charging", "NoError"),
    o.ProgressReported("CP1", AT, "firmware", "Installed", None),
    o.ReservationChanged("CP1", AT, 7, 1, "Accepted"),
    o.TransactionStarted("CP1", AT, 42, 1, "TAG"),
    o.MeterValuesRecorded("CP1", AT, 1, 42, 1500.0, 11_000.0),
    o.TransactionStopped("CP1", AT, 42, "Local"),
    o.Disconnected("CP1", AT, 3, 1006, "gone"),
)
