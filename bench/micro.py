"""What each step of a message costs, in microseconds of processor time: the median of some rounds.

Runs in one process without a network and stops by itself after some seconds.

    python bench/micro.py
    python bench/micro.py tell log
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import orjson
import structlog
from flooders import upgrade
from messages import content
from sqlalchemy import URL
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from ocpp_actors import observer as o
from ocpp_actors.call_in_hand import Hand
from ocpp_actors.clock import SystemClock
from ocpp_actors.ledger.masking import mask
from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.ledger.message_tables import MessageTables
from ocpp_actors.operator.event_data import TYPE_OF
from ocpp_actors.operator.events import Feed
from ocpp_actors.operator.live import Live
from ocpp_actors.operator.metrics import Metrics
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.protocol.codec import STRICT, encode
from ocpp_actors.protocol.frames import Call, encode_call_result, parse
from ocpp_actors.protocol.messages import HeartbeatResponse
from ocpp_actors.protocol.schemas import schema
from ocpp_actors.protocol.validation import decode
from ocpp_actors.server.opening import Opening

ROUNDS: Final = 9
ROUND_TIME: Final = 0.05
"""Seconds of a round, about."""
BATCH: Final = 2000
"""Entries that the message log writes in one commit here."""
CHARGE_POINTS: Final = 100

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
BODIES: Final = {action: content(action, 0).decode() for action in ("Heartbeat", "MeterValues")}

Step = tuple[str, Callable[[], object], int]
"""A name, what is measured, and how many handshakes, messages, frames or events that is."""


def _mask_all(entries: Iterable[MessageEntry]) -> None:
    for entry in entries:
        mask(entry.text)


def main() -> None:
    """Measure the steps whose names begin with one of the arguments, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", nargs="*", help="how the names of the steps begin; default: all steps")
    wanted = tuple(parser.parse_args().step) or ("",)
    measured = 0
    for steps in (opening_steps, protocol_steps, tell_steps, log_steps, small_steps):
        for name, run, number in steps():
            if name.startswith(wanted):
                print(f"{name:40} {cost(run, number):8.2f} µs", flush=True)
                measured += 1
    if not measured:
        parser.error(f"the name of no step begins with {' or '.join(wanted)}")


def cost(run: Callable[[], object], number: int) -> float:
    """Return the microseconds of one of the messages that a run is about."""
    run()
    begun = time.process_time()
    run()
    runs = max(1, int(ROUND_TIME / max(time.process_time() - begun, 1e-7)))
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(runs):
            run()
        rounds.append((time.process_time() - begun) / (runs * number) * 1e6)
    return statistics.median(rounds)


def opening_steps() -> Iterator[Step]:
    """Yield an opening handshake, from the request of a charge point to the answer that lets it in."""
    request = upgrade("CP1", "0001020304050607")

    def shake_hands(protocol: Opening | WSConnection) -> None:
        protocol.receive_data(request)
        list(protocol.events())
        protocol.send(AcceptConnection(subprotocol="ocpp1.6"))

    yield "opening handshake", lambda: shake_hands(Opening()), 1
    yield "opening handshake: wsproto", lambda: shake_hands(WSConnection(ConnectionType.SERVER)), 1


def protocol_steps() -> Iterator[Step]:
    """Yield from a text to a message, and from an answer to a text."""
    for action, body in BODIES.items():
        cls: Any = ACTIONS[action].request
        text = f'[2,"{0:036}","{action}",{body}]'
        payload = orjson.loads(body)
        accepts = jsonschema_rs.validator_for(schema(cls), validate_formats=False).is_valid
        yield f"parse {action}", partial(parse, text), 1
        yield f"verdict {action}", partial(accepts, payload), 1
        yield f"structure {action}", partial(STRICT.structure, payload, cls), 1
        yield f"decode {action}: verdict, structure", partial(decode, cls, payload), 1
    response = HeartbeatResponse(current_time=AT)
    answer = encode(response)
    yield "encode an answer", lambda: encode(response), 1
    yield "encode its frame", lambda: encode_call_result("0" * 36, answer), 1


def tell_steps() -> Iterator[Step]:
    """Yield the telling of each event of a CALL: to nobody, to one subscriber, to those of a server with an API.

    Nobody follows the server's feed, so that it takes no frames.
    """
    metrics, feed, live = Metrics("0"), Feed("bench"), Live(SystemClock(), bool)
    nobody, counted, fed, served = o.Observer(), o.Observer(), o.Observer(), o.Observer()
    for observer in (counted, served):
        metrics.watch_events(observer)
    feed.follow(served)
    fed.subscribe(feed, *TYPE_OF)
    served.subscribe(live, o.MeterValuesRecorded, o.TransactionStopped)
    text, answer = '[2,"1","Heartbeat",{}]', '[3,"1",{"currentTime":"2026-01-01T00:00:00.000Z"}]'

    def call(observer: o.Observer) -> None:
        observer.tell(o.FrameReceived("CP1", AT, text))
        observer.tell(o.CallHandled("CP1", AT, "Heartbeat", "1", "CALLRESULT", 0.0002))
        observer.tell(o.FrameSent("CP1", AT, answer))

    yield "tell FrameReceived", lambda: served.tell(o.FrameReceived("CP1", AT, text)), 1
    yield (
        "tell CallHandled",
        lambda: served.tell(o.CallHandled("CP1", AT, "Heartbeat", "1", "CALLRESULT", 0.0002)),
        1,
    )
    yield "tell FrameSent", lambda: served.tell(o.FrameSent("CP1", AT, answer)), 1
    yield "tell MeterValuesRecorded", lambda: served.tell(o.MeterValuesRecorded("CP1", AT, 1, 1, 1.0, 1.0)), 1
    yield "tell a CALL: its three events", lambda: call(served), 1
    yield "tell a CALL to nobody", lambda: call(nobody), 1
    yield "tell a CALL to metrics only", lambda: call(counted), 1
    yield "tell a CALL to a feed that takes frames", lambda: call(fed), 1


def log_steps() -> Iterator[Step]:
    """Yield what the thread of the message log does with each frame."""
    for action, body in BODIES.items():
        entries: list[Any] = []
        for number in range(BATCH // 2):
            identity, message_id = f"CP{number % CHARGE_POINTS}", f"{number:036}"
            call = f'[2,"{message_id}","{action}",{body}]'
            answer = f'[3,"{message_id}",{{"currentTime":"2026-01-01T00:00:00.000Z"}}]'
            entries.append(o.FrameReceived(identity, AT, call, message_id, action))
            entries.append(o.FrameSent(identity, AT, answer, message_id, action))
        yield (
            f"log: mask a frame of {action}",
            partial(_mask_all, entries),
            BATCH,
        )
        with tempfile.TemporaryDirectory() as directory:
            database = str(Path(directory) / "messages.db")
            tables = MessageTables(URL.create("sqlite+pysqlite", database=database), 1 << 30)
            tables.open()

            def append(tables: MessageTables = tables, entries: list[Any] = entries) -> None:
                for entry in entries:
                    entry.at += timedelta(milliseconds=100)
                tables.append(entries)

            yield f"log: write a frame of {action}", append, BATCH
            tables.close()


def small_steps() -> Iterator[Step]:
    """Yield what is done several times a message."""
    clock = SystemClock()
    call = Call("1", "Heartbeat", {})

    hand = Hand()

    def name() -> None:
        hand.call = call
        hand.call = None

    def bind() -> None:
        with structlog.contextvars.bound_contextvars(action="Heartbeat", message_id="1"):
            pass

    yield "ask the clock", clock.now, 1
    yield "name the CALL in hand", name, 1
    yield "bind two names to the log instead", bind, 1


if __name__ == "__main__":
    main()
