"""What chargers of the field do otherwise than the specification says, each by name.

The numbers group what belongs together, as the project's list of odd chargers has them.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from random import Random
from typing import Any, Final

import orjson
from attrs import evolve, field, frozen

from ocpp_actors.protocol.frames import CALL, CALL_ERROR, CALL_RESULT, CallError
from ocpp_actors.protocol.timestamps import read
from ocpp_actors.testbench.simulated.personality import Dialing, Personality, Raw, Written, combined

LATE: Final = 45.0
"""Seconds before a late answer: more than a central system waits."""

BLINK: Final = 300.0
"""Seconds after which a modem loses its connection and does not know."""

LONG: Final = "0123456789" * 9
HUGE: Final = 300_000
"""Bytes of a huge answer."""

_UNKNOWN_TRANSACTION: Final = 987_654


class NoSuchQuirk(ValueError):
    """There is no quirk of this name; the message says which is like it."""


@frozen
class Quirk:
    """One quirk: the number of its group, what it is in one line, and what is other than usual."""

    number: int
    description: str
    changes: Mapping[str, Any] = field(factory=dict)


def personality_of(names: Iterable[str]) -> Personality:
    """Return the personality with these quirks, all at once; none: a well-behaved one.

    Raises NoSuchQuirk.
    """
    chosen = []
    for name in names:
        if name not in QUIRKS:
            near = get_close_matches(name, QUIRKS, n=1)
            raise NoSuchQuirk(
                f"there is no quirk {name!r}" + "".join(f"; did you mean {each}?" for each in near)
            )
        chosen.append(QUIRKS[name].changes)
    return combined(chosen)


# --- how it dials ----------------------------------------------------------------------------------------------


def _double_slash(dialing: Dialing) -> Dialing:
    return evolve(dialing, separator="//")


def _trailing_slash(dialing: Dialing) -> Dialing:
    return evolve(dialing, end="/")


def _percent_encoded(dialing: Dialing) -> Dialing:
    return evolve(dialing, segment="".join(f"%{byte:02X}" for byte in dialing.identity.encode()))


def _other_case(dialing: Dialing) -> Dialing:
    segment = dialing.segment.swapcase() if dialing.attempt % 2 else dialing.segment
    return evolve(dialing, segment=segment)


def _no_subprotocol(dialing: Dialing) -> Dialing:
    return evolve(dialing, subprotocols=())


def _several_subprotocols(dialing: Dialing) -> Dialing:
    offered = ("ocpp2.0.1", "ocpp1.6", "ocpp1.5")
    turn = dialing.attempt % len(offered)
    return evolve(dialing, subprotocols=offered[turn:] + offered[:turn])


def _garbage(dialing: Dialing) -> Dialing:
    """Every other attempt, from the first on."""
    return (
        dialing if dialing.attempt % 2 else evolve(dialing, preface=b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1")
    )


def _other_user(dialing: Dialing) -> Dialing:
    return evolve(dialing, user="charger")


def _hex_key(dialing: Dialing) -> Dialing:
    return dialing if dialing.key is None else evolve(dialing, key=dialing.key.hex().encode())


# --- how a frame is written ------------------------------------------------------------------------------------


def _compressed(number: int, message: Written) -> Sequence[Written]:
    """The second message since the power came on; a real one would do so for ever, and never be connected."""
    if number != 1 or not isinstance(message, str):
        return [message]
    packed = zlib.compressobj(wbits=-15)
    data = packed.compress(message.encode()) + packed.flush(zlib.Z_SYNC_FLUSH)
    data = data.removesuffix(b"\x00\x00\xff\xff")
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
    return [Raw(b"\xc1" + size + bytes(4) + data)]


def _binary(_number: int, message: Written) -> Sequence[Written]:
    return [message.encode() if isinstance(message, str) else message]


def _empty_first(_number: int, message: Written) -> Sequence[Written]:
    return ["", message]


def _twice(_number: int, message: Written) -> Sequence[Written]:
    return [message, message] if _type_of(message) == CALL else [message]


def _three_elements(_number: int, message: Written) -> Sequence[Written]:
    if isinstance(message, str) and _type_of(message) == CALL_ERROR:
        return [orjson.dumps(orjson.loads(message)[:3]).decode()]
    return [message]


def _unasked_answer_first(number: int, message: Written) -> Sequence[Written]:
    if _type_of(message) != CALL:
        return [message]
    answer = [CALL_RESULT, "" if number % 2 else f"nobody asked {number}", {"status": "Accepted"}]
    return [orjson.dumps(answer).decode(), message]


def _type_of(message: Written) -> int | None:
    if isinstance(message, str) and message.startswith("["):
        found: int = orjson.loads(message)[0]
        return found
    return None


# --- what is put into a payload --------------------------------------------------------------------------------


def _minus_one(action: str, request: bool, payload: Any) -> Any:
    return payload | {"transactionId": -1} if request and action == "StopTransaction" else payload


def _dead_transaction(action: str, request: bool, payload: Any) -> Any:
    return (
        payload | {"transactionId": _UNKNOWN_TRANSACTION} if request and action == "MeterValues" else payload
    )


def _null(_action: str, _request: bool, payload: Any) -> Any:
    return payload or None


def _numbers(action: str, request: bool, payload: Any) -> Any:
    """Numbers for strings, an object for an array of one."""
    if not request or action != "MeterValues":
        return payload
    values = [
        value
        | {"sampledValue": [sample | {"value": float(sample["value"])} for sample in value["sampledValue"]]}
        for value in payload["meterValue"]
    ]
    return payload | {"meterValue": values[0] if len(values) == 1 else values}


def _unknown_names(action: str, request: bool, payload: Any) -> Any:
    if request and action == "MeterValues":
        odd = {"value": "50.0", "measurand": "Frequency.Grid", "unit": "Hz"}
        values = [value | {"sampledValue": [*value["sampledValue"], odd]} for value in payload["meterValue"]]
        return payload | {"meterValue": values}
    if request and action == "StatusNotification":
        return payload | {"errorCode": "Overheated"}
    return payload


def _overlong(action: str, request: bool, payload: Any) -> Any:
    if request and action == "BootNotification":
        return payload | {"chargePointSerialNumber": LONG, "chargePointModel": LONG}
    if request and action == "StatusNotification":
        return payload | {"info": LONG}
    return payload


def _no_timezone(_action: str, _request: bool, payload: Any) -> Any:
    return _retimed(payload, lambda text: text.removesuffix("Z"))


def _short_offset(_action: str, _request: bool, payload: Any) -> Any:
    return _retimed(payload, lambda text: text.removesuffix("Z") + "+00")


def _from_1970(_action: str, _request: bool, payload: Any) -> Any:
    """A clock that was never set: it counts from 1970, here since the beginning of the day."""

    def unset(text: str) -> str:
        moment = read(text)
        passed = moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return (datetime(1970, 1, 1, tzinfo=UTC) + passed).strftime("%Y-%m-%dT%H:%M:%SZ")

    return _retimed(payload, unset)


def _retimed(payload: Any, change: Any) -> Any:
    if isinstance(payload, dict):
        return {
            name: change(value) if name == "timestamp" else _retimed(value, change)
            for name, value in payload.items()
        }
    return [_retimed(each, change) for each in payload] if isinstance(payload, list) else payload


def _huge(action: str, request: bool, payload: Any) -> Any:
    if request or action != "GetConfiguration":
        return payload
    key = {"readonly": True, "value": "x" * 400}
    keys = [key | {"key": f"Vendor.Setting.{number}"} for number in range(HUGE // 450)]
    return payload | {"configurationKey": [*payload.get("configurationKey", ()), *keys]}


# --- the rest --------------------------------------------------------------------------------------------------


def _at_once(_failures: int, _chance: Random) -> float:
    return 0.1


_REFUSAL: Final = CallError("", "NotSupported", "this charger takes no commands")

QUIRKS: Final[Mapping[str, Quirk]] = {
    "double-slash": Quirk(1, "a double slash before the identity in the URL", {"dialing": (_double_slash,)}),
    "trailing-slash": Quirk(1, "a slash after the identity in the URL", {"dialing": (_trailing_slash,)}),
    "percent-encoded": Quirk(
        2, "every character of the identity percent-encoded", {"dialing": (_percent_encoded,)}
    ),
    "other-case": Quirk(
        3, "the identity in other letters at every other connection", {"dialing": (_other_case,)}
    ),
    "no-subprotocol": Quirk(4, "offers no WebSocket subprotocol", {"dialing": (_no_subprotocol,)}),
    "several-subprotocols": Quirk(
        5, "offers several subprotocols, in another order each time", {"dialing": (_several_subprotocols,)}
    ),
    "garbage-instead-of-http": Quirk(
        6, "opens every other connection with TLS on the plain port", {"dialing": (_garbage,)}
    ),
    "other-user": Quirk(7, "its user name is not its identity", {"dialing": (_other_user,)}),
    "hex-key": Quirk(7, "sends its key in hexadecimal digits", {"dialing": (_hex_key,)}),
    "compressed-frame": Quirk(
        8,
        "compresses a frame though nothing was agreed on, once after each start",
        {"writing": (_compressed,)},
    ),
    "binary-frames": Quirk(9, "sends JSON in binary messages", {"writing": (_binary,)}),
    "empty-messages": Quirk(10, "sends an empty message before each other", {"writing": (_empty_first,)}),
    "no-pong": Quirk(11, "never answers pings", {"answers_pings": False}),
    "half-open": Quirk(
        12,
        f"loses its connection every {BLINK:.0f} s without closing it, and opens another",
        {"closes": False, "patience": BLINK},
    ),
    "loops-on-early-calls": Quirk(
        13,
        "takes 5 s to boot, and connects anew when it is asked something before",
        {"boot_delay": 5.0, "flees_early_calls": True},
    ),
    "never-boots": Quirk(13, "sends no BootNotification", {"boots": False}),
    "burst-at-connect": Quirk(
        14,
        "sends all at once, also before its boot is answered",
        {"window": 32, "waits_for_boot": False},
    ),
    "repeated-id": Quirk(15, "sends every request twice, under the same message id", {"writing": (_twice,)}),
    "duplicate-start": Quirk(
        16,
        "sends StartTransaction and StopTransaction again under a new id, though they were answered",
        {"repeats": frozenset({"StartTransaction", "StopTransaction"})},
    ),
    "minus-one-transaction": Quirk(17, "stops the transaction −1", {"payload": (_minus_one,)}),
    "dead-transaction": Quirk(
        18, "sends its meter values for a transaction that there is not", {"payload": (_dead_transaction,)}
    ),
    "null-payload": Quirk(19, "null where an empty object belongs", {"payload": (_null,)}),
    "numbers-for-strings": Quirk(
        20, "numbers for strings and an object for an array in its meter values", {"payload": (_numbers,)}
    ),
    "unknown-names": Quirk(
        21, "Hz, a measurand and an error code that there are not", {"payload": (_unknown_names,)}
    ),
    "overlong-strings": Quirk(
        22, "a serial number, model and info that are too long", {"payload": (_overlong,)}
    ),
    "no-timezone": Quirk(23, "timestamps without a time zone", {"payload": (_no_timezone,)}),
    "short-offset": Quirk(23, "timestamps with the offset +00", {"payload": (_short_offset,)}),
    "from-1970": Quirk(23, "a clock that was never set", {"payload": (_from_1970,)}),
    "late-reply": Quirk(24, f"answers commands after {LATE:.0f} s", {"answer_delay": LATE}),
    "short-callerror": Quirk(
        25,
        "refuses every command, with a CALLERROR of three elements",
        {"answering": {"*": _REFUSAL}, "writing": (_three_elements,)},
    ),
    "unasked-answers": Quirk(
        26, "sends an answer that nobody asked for before each request", {"writing": (_unasked_answer_first,)}
    ),
    "huge-answers": Quirk(27, "answers GetConfiguration with 300 kB", {"payload": (_huge,)}),
    "never-returns": Quirk(28, "does not come back after it was disconnected properly", {"returns": False}),
    "reconnect-storm": Quirk(
        29, "connects again at once, as often as it takes, without jitter", {"back_off": _at_once}
    ),
    "reboots-on-probe": Quirk(
        30,
        "reboots whenever its configuration is read or changed",
        {"reboots_after": frozenset({"GetConfiguration", "ChangeConfiguration"})},
    ),
}
"""All quirks, by name."""
