from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from ocpp_actors.check import Verdict, check
from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.ledger.message_files import MessageFiles
from ocpp_actors.protocol.catalogue import Role

BOOT = '[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'
BOOT_ANSWER = '[3,"1",{"status":"Accepted","currentTime":"2026-01-01T00:00:00Z","interval":300}]'
RESET = '[2,"1","Reset",{"type":"Soft"}]'


def judge(*lines: str | bytes) -> list[Verdict]:
    return list(check(line if isinstance(line, bytes) else line.encode() for line in lines))


def record(frame: object, direction: str | None = "in", charge_point: str | None = "CP1") -> bytes:
    told: dict[str, Any] = {"at": "2026-01-01T00:00:00Z", "frame": frame}
    if direction:
        told["direction"] = direction
    if charge_point:
        told["chargePoint"] = charge_point
    return orjson.dumps(told)


def faults(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(fault.code, fault.path, fault.rule) for fault in verdict.faults]


def test_a_valid_call_and_its_answer() -> None:
    call, answer = judge(BOOT + "\n", BOOT_ANSWER)
    assert (call.verdict, call.frame, call.action, call.sender) == (
        "valid", "CALL", "BootNotification", Role.CHARGE_POINT,
    )  # fmt: skip
    assert (answer.verdict, answer.frame, answer.action, answer.sender) == (
        "valid", "CALLRESULT", "BootNotification", Role.CENTRAL_SYSTEM,
    )  # fmt: skip
    assert (call.line, answer.line) == (1, 2)


def test_blank_lines_are_passed_over_but_counted() -> None:
    assert [verdict.line for verdict in judge("", BOOT, "  \n", BOOT_ANSWER)] == [2, 4]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('[2,"1","Authorize",{}]', [("OccurenceConstraintViolation", "idTag", "required")]),
        ('[2,"1","Authorize",{"idTag":7}]', [("TypeConstraintViolation", "idTag", "type")]),
        ('[2,"1","Authorize",{"idTag":"A","x":1}]', [("FormationViolation", "x", "additionalProperties")]),
        (
            f'[2,"1","Authorize",{{"idTag":"{"A" * 21}"}}]',
            [("PropertyConstraintViolation", "idTag", "maxLength")],
        ),
        ('[2,"1","Authorise",{}]', [("NotImplemented", "", "action")]),
        ('[2,"1","Authorize"]', [("ProtocolError", "", "frame")]),
        ('[2,"","Heartbeat",{}]', [("ProtocolError", "", "frame")]),
        ('[5,"1",{}]', [("ProtocolError", "", "frame")]),
        ('[2,"1","Heartbeat",{}', [("FormationViolation", "", "frame")]),
        (b'[2,"1","\xff",{}]', [("FormationViolation", "", "frame")]),
        ("nonsense", [("FormationViolation", "", "frame")]),
        ('[4,"1","FormatViolation","",{}]', [("PropertyConstraintViolation", "errorCode", "enum")]),
    ],
)
def test_each_kind_of_fault_has_its_code_path_and_rule(
    frame: str | bytes, expected: list[tuple[str, str, str]]
) -> None:
    (verdict,) = judge(frame)
    assert verdict.verdict == "invalid"
    assert faults(verdict) == expected
    assert verdict.faults[0].description


def test_every_fault_of_a_payload_is_told() -> None:
    (verdict,) = judge('[2,"1","BootNotification",{"chargePointVendor":1}]')
    assert {fault.path for fault in verdict.faults} == {"chargePointVendor", "chargePointModel"}


def test_an_answer_is_judged_by_its_own_call() -> None:
    *_, answer = judge(BOOT, '[2,"2","Heartbeat",{}]', '[3,"2",{"currentTime":"2026-01-01T00:00:00Z"}]')
    assert (answer.verdict, answer.action) == ("valid", "Heartbeat")
    *_, answer = judge(BOOT, '[2,"2","Heartbeat",{}]', '[3,"1",{"currentTime":"2026-01-01T00:00:00Z"}]')
    assert (answer.verdict, answer.action) == ("invalid", "BootNotification")


@pytest.mark.parametrize(
    "before",
    [(), ('[2,"2","Heartbeat",{}]',), (BOOT, BOOT_ANSWER), ('[2,"1","Unknown",{}]',)],
    ids=["none", "another id", "answered already", "unknown action"],
)
def test_an_answer_to_no_known_call_cannot_be_judged(before: tuple[str, ...]) -> None:
    *_, answer = judge(*before, BOOT_ANSWER)
    assert (answer.verdict, answer.faults) == ("unknown", ())


def test_an_answer_before_its_call_cannot_be_judged() -> None:
    assert [verdict.verdict for verdict in judge(BOOT_ANSWER, BOOT)] == ["unknown", "valid"]


def test_a_call_error_answers_its_call() -> None:
    verdicts = judge(BOOT, '[4,"1","InternalError","",{}]', BOOT_ANSWER)
    assert [verdict.verdict for verdict in verdicts] == ["valid", "valid", "unknown"]
    assert (verdicts[1].frame, verdicts[1].action) == ("CALLERROR", "BootNotification")
    assert verdicts[1].sender is Role.CENTRAL_SYSTEM


def test_a_call_error_to_no_known_call_is_a_frame_all_the_same() -> None:
    (verdict,) = judge('[4,"1","InternalError","",{}]')
    assert (verdict.verdict, verdict.action, verdict.sender) == ("valid", None, None)


def test_a_null_payload_is_read_as_an_empty_one() -> None:
    assert judge('[2,"1","Heartbeat",null]')[0].verdict == "valid"


def test_a_record_has_its_frame_as_a_text_or_as_an_array() -> None:
    for frame in (BOOT, orjson.loads(BOOT)):
        (verdict,) = judge(record(frame))
        assert (verdict.verdict, verdict.charge_point, verdict.sender) == ("valid", "CP1", Role.CHARGE_POINT)


def test_the_message_log_is_read_as_it_is_written(tmp_path: Path) -> None:
    log = MessageFiles(tmp_path, 1 << 20)
    log.open()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    log.append(
        [
            MessageEntry(at=at, identity="CP1", direction="in", text=BOOT, message_id="1"),
            MessageEntry(at=at, identity="CP1", direction="out", text=BOOT_ANSWER),
            MessageEntry(at=at, identity="CP2", direction="in", text="[2,"),
        ]
    )
    (path,) = tmp_path.iterdir()
    boot, answer, broken = judge(*path.read_bytes().splitlines())
    assert (boot.verdict, boot.charge_point, boot.sender) == ("valid", "CP1", Role.CHARGE_POINT)
    assert (answer.verdict, answer.action, answer.sender) == (
        "valid", "BootNotification", Role.CENTRAL_SYSTEM,
    )  # fmt: skip
    assert (broken.charge_point, faults(broken)) == ("CP2", [("FormationViolation", "", "frame")])


def test_in_a_record_the_direction_decides_who_may_send_an_action() -> None:
    assert judge(record(BOOT, "in"))[0].verdict == "valid"
    assert faults(judge(record(BOOT, "out"))[0]) == [("NotSupported", "", "direction")]
    assert judge(record(RESET, "out"))[0].verdict == "valid"
    assert faults(judge(record(RESET, "in"))[0]) == [("NotSupported", "", "direction")]
    for direction in ("in", "out"):
        assert judge(record('[2,"1","DataTransfer",{"vendorId":"V"}]', direction))[0].verdict == "valid"


def test_both_sides_may_use_the_same_message_id_at_once() -> None:
    reset_answer = '[3,"1",{"status":"Accepted"}]'
    verdicts = judge(
        record(BOOT, "in"), record(RESET, "out"), record(reset_answer, "in"), record(BOOT_ANSWER, "out")
    )
    assert [verdict.verdict for verdict in verdicts] == ["valid"] * 4
    assert [verdict.action for verdict in verdicts[2:]] == ["Reset", "BootNotification"]


def test_nobody_answers_himself() -> None:
    assert judge(record(BOOT, "in"), record(BOOT_ANSWER, "in"))[1].verdict == "unknown"


def test_charge_points_are_kept_apart() -> None:
    lines = [record(BOOT, "in", "CP1"), record(BOOT_ANSWER, "out", "CP2"), record(BOOT_ANSWER, "out", "CP1")]
    assert [verdict.verdict for verdict in judge(*lines)] == ["valid", "unknown", "valid"]


def test_without_a_direction_the_action_tells_the_sender_unless_both_may_send_it() -> None:
    data_transfer = '[2,"1","DataTransfer",{"vendorId":"V"}]'
    verdicts = judge(record(BOOT, None), data_transfer, '[3,"1",{"status":"Accepted"}]')
    assert [verdict.sender for verdict in verdicts] == [Role.CHARGE_POINT, None, None]
    assert verdicts[2].action == "DataTransfer"


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "{}",
        '{"frame":7}',
        '{"frame":"[]","direction":"sideways"}',
        '{"frame":"[]","chargePoint":7}',
        '{"frame":"[]","direction":["in"]}',
    ],
)
def test_a_record_that_cannot_be_used_is_invalid_and_the_rest_is_judged(line: str) -> None:
    verdicts = judge(line, BOOT)
    assert faults(verdicts[0]) == [("FormationViolation", "", "record")]
    assert verdicts[1].verdict == "valid"


def test_the_verdict_as_text_is_a_line_per_fault() -> None:
    (good,) = judge(record(BOOT))
    assert good.as_text() == ["1: CP1: CALL BootNotification 1: valid"]
    (bad,) = judge('[2,"1","Authorize",{}]')
    (line,) = bad.as_text()
    assert line.startswith("1: CALL Authorize 1: OccurenceConstraintViolation at idTag (rule required): ")
    (unknown,) = judge(BOOT_ANSWER)
    assert unknown.as_text() == ["1: CALLRESULT 1: cannot be judged, no known CALL before it has this id"]
    (broken,) = judge("x")
    assert broken.as_text()[0].startswith("1: not a frame: FormationViolation at the top (rule frame): ")


def test_the_verdict_as_json_leaves_out_what_does_not_apply() -> None:
    (verdict,) = judge(BOOT_ANSWER)
    assert verdict.as_json() == {
        "line": 1, "verdict": "unknown", "frame": "CALLRESULT", "messageId": "1", "faults": [],
    }  # fmt: skip


def test_lines_are_judged_as_they_come() -> None:
    taken: list[int] = []

    def lines() -> Any:
        for number in range(3):
            taken.append(number)
            yield BOOT.encode()

    counts = [len(taken) for _ in check(lines())]
    assert all(later == earlier + 1 for earlier, later in pairwise(counts))
