"""The verdict on recorded frames: lines in (see ``recorded``), verdicts out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from attrs import Factory, asdict, define, frozen

from ocpp_actors.protocol.catalogue import ACTIONS, Action, Role
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.frames import Call, CallError, CallResult, FrameFault, parse
from ocpp_actors.protocol.judgement import call_faults, error_faults, result_faults
from ocpp_actors.protocol.validation import Fault
from ocpp_actors.recorded import read_record

_SENDERS: Final = {"in": Role.CHARGE_POINT, "out": Role.CENTRAL_SYSTEM}


@frozen(kw_only=True)
class Verdict:
    """What is to be said of one line; ``line`` counts from 1.

    ``unknown`` is an answer that cannot be judged: the CALL that it answers is not among the lines before it, or is
    of no known action.
    """

    line: int
    verdict: Literal["valid", "invalid", "unknown"]
    charge_point: str | None = None
    sender: Role | None = None
    frame: Literal["CALL", "CALLRESULT", "CALLERROR"] | None = None
    action: str | None = None
    message_id: str | None = None
    faults: tuple[Fault, ...] = ()

    def as_text(self) -> list[str]:
        """Tell the verdict to a person: a line per fault, or one."""
        who = f"{self.charge_point}: " if self.charge_point else ""
        what = " ".join(part for part in (self.frame, self.action, self.message_id) if part) or "not a frame"
        begin = f"{self.line}: {who}{what}: "
        if self.verdict == "unknown":
            return [begin + "cannot be judged, no known CALL before it has this id"]
        if self.verdict == "valid":
            return [begin + "valid"]
        return [
            f"{begin}{fault.code} at {fault.path or 'the top'} (rule {fault.rule}): {fault.description}"
            for fault in self.faults
        ]

    def as_json(self) -> dict[str, object]:
        """Tell the verdict to a machine: camelCase, without what does not apply."""
        told = {
            "line": self.line,
            "verdict": self.verdict,
            "chargePoint": self.charge_point,
            "sender": self.sender,
            "frame": self.frame,
            "action": self.action,
            "messageId": self.message_id,
            "faults": [asdict(fault) for fault in self.faults],
        }
        return {name: value for name, value in told.items() if value is not None}


def check(lines: Iterable[bytes]) -> Iterator[Verdict]:
    """Judge each line that is not blank, strictly."""
    recording = _Recording()
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield recording.judge(number, line.strip())


@frozen
class _Asked:
    """A CALL that waits for its answer; ``action`` is None where it is of no known action."""

    sender: Role | None
    action: Action | None


@define
class _Recording:
    """The CALLs without an answer so far, by charge point and message id."""

    _asked: dict[tuple[str | None, str], list[_Asked]] = Factory(lambda: defaultdict(list))

    def judge(self, number: int, line: bytes) -> Verdict:
        try:
            record = read_record(line)
        except ValueError as error:
            fault = Fault(ErrorCode.FORMATION_VIOLATION, "", "record", str(error))
            return Verdict(line=number, verdict="invalid", faults=(fault,))
        charge_point, sender = record.charge_point, record.direction and _SENDERS[record.direction]
        try:
            frame = parse(record.text)
        except FrameFault as error:
            fault = Fault(error.code, "", "frame", error.description)
            return Verdict(
                line=number, verdict="invalid", charge_point=charge_point, sender=sender, faults=(fault,)
            )
        match frame:
            case Call():
                return self._call(number, charge_point, sender, frame)
            case CallResult():
                return self._result(number, charge_point, sender, frame)
            case CallError():
                return self._error(number, charge_point, sender, frame)

    def _call(self, line: int, charge_point: str | None, sender: Role | None, call: Call) -> Verdict:
        action = ACTIONS.get(call.action)
        if action is not None and sender is None and len(action.senders) == 1:
            (sender,) = action.senders
        self._asked[charge_point, call.message_id].append(_Asked(sender, action))
        faults = call_faults(call, sender)
        return Verdict(
            line=line,
            verdict="invalid" if faults else "valid",
            charge_point=charge_point,
            sender=sender,
            frame="CALL",
            action=call.action,
            message_id=call.message_id,
            faults=faults,
        )

    def _result(
        self, line: int, charge_point: str | None, sender: Role | None, result: CallResult
    ) -> Verdict:
        asked = self._take(charge_point, sender, result.message_id)
        action = asked.action if asked else None
        faults = result_faults(result, action) if action else ()
        return Verdict(
            line=line,
            verdict="unknown" if action is None else "invalid" if faults else "valid",
            charge_point=charge_point,
            sender=sender or _other(asked),
            frame="CALLRESULT",
            action=action.name if action else None,
            message_id=result.message_id,
            faults=faults,
        )

    def _error(self, line: int, charge_point: str | None, sender: Role | None, error: CallError) -> Verdict:
        asked = self._take(charge_point, sender, error.message_id)
        faults = error_faults(error)
        return Verdict(
            line=line,
            verdict="invalid" if faults else "valid",
            charge_point=charge_point,
            sender=sender or _other(asked),
            frame="CALLERROR",
            action=asked.action.name if asked and asked.action else None,
            message_id=error.message_id,
            faults=faults,
        )

    def _take(self, charge_point: str | None, sender: Role | None, message_id: str) -> _Asked | None:
        """Find the CALL that an answer of ``sender`` belongs to; nobody answers himself."""
        waiting = self._asked[charge_point, message_id]
        for asked in waiting:
            if sender is None or asked.sender != sender:
                waiting.remove(asked)
                return asked
        return None


def _other(asked: _Asked | None) -> Role | None:
    """Who answers a CALL, if it is known who sent it."""
    if asked is None or asked.sender is None:
        return None
    return Role.CENTRAL_SYSTEM if asked.sender is Role.CHARGE_POINT else Role.CHARGE_POINT
