"""The frames of OCPP-J (OCPP-J 1.6 §4.2)."""

import pytest

from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import (
    MAX_CONTAINERS,
    MAX_DEPTH,
    Call,
    CallError,
    CallResult,
    FrameFault,
    encode_call,
    encode_call_error,
    encode_call_result,
    parse,
)

LONGEST_ID = "é" * 36


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('[2,"1","Heartbeat",{}]', Call("1", "Heartbeat", {})),
        (b' [ 2 , "1" , "Heartbeat" , {"a": [1]} ] ', Call("1", "Heartbeat", {"a": [1]})),
        ('[2,"1","Heartbeat",null]', Call("1", "Heartbeat", {})),
        ('[2,"1","Heartbeat",[]]', Call("1", "Heartbeat", [])),
        ('[2,"1","Heartbeat",0]', Call("1", "Heartbeat", 0)),
        ('[2.0,"1","Heartbeat",{}]', Call("1", "Heartbeat", {})),
        (f'[2,"{LONGEST_ID}","X",{{}}]', Call(LONGEST_ID, "X", {})),
        ('[3,"1",{"status":"Accepted"}]', CallResult("1", {"status": "Accepted"})),
        ('[3,"1",null]', CallResult("1", {})),
        ('[3,"",{}]', CallResult("", {})),
        (
            '[4,"1","NotSupported","no",{"a":1}]',
            CallError("1", "NotSupported", "no", {"a": 1}),
        ),
        ('[4,"1","FormatViolation","no"]', CallError("1", "FormatViolation", "no", {})),
        ('[4,"1","GenericError"]', CallError("1", "GenericError", "", {})),
        ('[4,"1","GenericError",null,null]', CallError("1", "GenericError", "", None)),
    ],
)
def test_parse_reads_frame(text: str | bytes, frame: object) -> None:
    assert parse(text) == frame


@pytest.mark.parametrize(
    ("text", "code", "message_id"),
    [
        ("", ErrorCode.FORMATION_VIOLATION, None),
        ("hello", ErrorCode.FORMATION_VIOLATION, None),
        (b"\xff\xfe", ErrorCode.FORMATION_VIOLATION, None),
        ('[2,"a1","Heartbeat",{]', ErrorCode.FORMATION_VIOLATION, "a1"),
        (b'[2,"a1","Heartbeat",{', ErrorCode.FORMATION_VIOLATION, "a1"),
        (' [ 2 , "a\\"\\u00e9" , oops', ErrorCode.FORMATION_VIOLATION, 'a"é'),
        (b'[2,"a1","\xff",{}]', ErrorCode.FORMATION_VIOLATION, "a1"),
        ('[2,"a\\x","Heartbeat",{}]', ErrorCode.FORMATION_VIOLATION, None),
        ('[2,"","Heartbeat",{]', ErrorCode.FORMATION_VIOLATION, None),
        (f'[2,"{LONGEST_ID}x","Heartbeat",{{]', ErrorCode.FORMATION_VIOLATION, None),
        ('[2,a1,"Heartbeat",{}]', ErrorCode.FORMATION_VIOLATION, None),
        ('[3,"a1",{]', ErrorCode.FORMATION_VIOLATION, None),
        ('[4,"a1","GenericError",{]', ErrorCode.FORMATION_VIOLATION, None),
        ('[2,"1","X",{"a":NaN}]', ErrorCode.FORMATION_VIOLATION, "1"),
        ('[2,"1","X",' + "[" * 5000, ErrorCode.FORMATION_VIOLATION, "1"),
        ("{}", ErrorCode.PROTOCOL_ERROR, None),
        ("[]", ErrorCode.PROTOCOL_ERROR, None),
        ("2", ErrorCode.PROTOCOL_ERROR, None),
        ("null", ErrorCode.PROTOCOL_ERROR, None),
        ('[5,"1","X",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('["2","1","X",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('[true,"1","X",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('[null,"1","X",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ("[2]", ErrorCode.PROTOCOL_ERROR, None),
        ('[2,1,"X",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('[2,null,"X",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('[2,"","X",{}]', ErrorCode.PROTOCOL_ERROR, ""),
        (f'[2,"{LONGEST_ID}x","X",{{}}]', ErrorCode.PROTOCOL_ERROR, LONGEST_ID + "x"),
        ('[2,"1"]', ErrorCode.PROTOCOL_ERROR, "1"),
        ('[2,"1","X"]', ErrorCode.PROTOCOL_ERROR, "1"),
        ('[2,"1","X",{},{}]', ErrorCode.PROTOCOL_ERROR, "1"),
        ('[2,"1",7,{}]', ErrorCode.PROTOCOL_ERROR, "1"),
        ('[3,"1"]', ErrorCode.PROTOCOL_ERROR, None),
        ('[3,"1",{},{}]', ErrorCode.PROTOCOL_ERROR, None),
        ("[3,1,{}]", ErrorCode.PROTOCOL_ERROR, None),
        ('[4,"1"]', ErrorCode.PROTOCOL_ERROR, None),
        ('[4,1,"GenericError","",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('[4,"1",1,"",{}]', ErrorCode.PROTOCOL_ERROR, None),
        ('[4,"1","GenericError","",{},1]', ErrorCode.PROTOCOL_ERROR, None),
    ],
)
def test_parse_refuses_what_is_no_frame(text: str | bytes, code: ErrorCode, message_id: str | None) -> None:
    with pytest.raises(FrameFault) as caught:
        parse(text)
    assert (caught.value.code, caught.value.message_id) == (code, message_id)
    assert caught.value.description


def test_encoded_frames_are_read_back() -> None:
    assert parse(encode_call("1", "X", {"a": 0.1})) == Call("1", "X", {"a": 0.1})
    assert parse(encode_call_result("1", {"é": "🔌"})) == CallResult("1", {"é": "🔌"})
    assert parse(encode_call_error("1", ErrorCode.NOT_SUPPORTED, "no", {"a": 1})) == CallError(
        "1", "NotSupported", "no", {"a": 1}
    )


def test_call_error_without_details_has_an_empty_object() -> None:
    assert encode_call_error("1", "GenericError") == '[4,"1","GenericError","",{}]'


def test_misspelt_error_codes_are_kept() -> None:
    assert str(ErrorCode.FORMATION_VIOLATION) == "FormationViolation"
    assert str(ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION) == "OccurenceConstraintViolation"


def test_protocol_fault_carries_code_description_and_details() -> None:
    fault = ProtocolFault(ErrorCode.SECURITY_ERROR, "not yet", {"a": 1})
    assert (fault.code, fault.description, fault.details) == (ErrorCode.SECURITY_ERROR, "not yet", {"a": 1})
    assert str(fault) == "SecurityError: not yet"
    assert ProtocolFault(ErrorCode.GENERIC_ERROR, "x").details == {}


# --- what would hold up the interpreter ---------------------------------------------------------------------------


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "") -> str:
    return opening * depth + inside + closing * depth


@pytest.mark.parametrize(("opening", "closing", "inside"), [("[", "]", ""), ('{"a":', "}", "1")])
@pytest.mark.parametrize("wide", [0, 2 * MAX_DEPTH])
@pytest.mark.parametrize("encode", [str, str.encode])
def test_as_deep_as_allowed_is_read_and_deeper_is_not(
    opening: str, closing: str, inside: str, wide: int, encode: type
) -> None:
    def text(depth: int) -> str:
        payload = nested(depth - 1, opening, closing, inside)
        beside = "".join(',{"b":[]}' for _ in range(wide))
        return f'[2,"19","Authorize",[{payload}{beside}]]' if wide else f'[2,"19","Authorize",{payload}]'

    deepest = MAX_DEPTH - 1 if wide else MAX_DEPTH
    assert isinstance(parse(encode(text(deepest))), Call)
    with pytest.raises(FrameFault, match="nested more than 100 deep") as fault:
        parse(encode(text(deepest + 1)))
    assert (fault.value.code, fault.value.message_id) == (ErrorCode.FORMATION_VIOLATION, "19")


@pytest.mark.parametrize("depth", [1_000, 100_000, 500_000])
def test_any_depth_is_survived(depth: int) -> None:
    with pytest.raises(FrameFault) as fault:
        parse('[2,"19","Authorize",' + nested(depth) + "]")
    assert (fault.value.code, fault.value.message_id) == (ErrorCode.FORMATION_VIOLATION, "19")


@pytest.mark.parametrize("encode", [str, str.encode])
def test_too_many_arrays_and_objects_are_not_read(encode: type) -> None:
    def text(number: int) -> str:
        return '[2,"19","Authorize",[' + ",".join(["{}"] * (number - 2)) + "]]"

    assert isinstance(parse(encode(text(MAX_CONTAINERS))), Call)
    with pytest.raises(FrameFault, match="more than 50000 arrays and objects") as fault:
        parse(encode(text(MAX_CONTAINERS + 1)))
    assert (fault.value.code, fault.value.message_id) == (ErrorCode.FORMATION_VIOLATION, "19")


@pytest.mark.parametrize(
    "broken",
    ["],[", "]]],[[[", '[2,"1","Heartbeat",{}],[]', '[2,"1","Heartbeat",{}]],[[', "1", "]"],
)
def test_brackets_that_do_not_match_are_not_json(broken: str) -> None:
    many = ",[]" * 200
    for text in (broken + many, f"[{many[1:]}]{broken}", f"{broken}[{many[1:]}]"):
        with pytest.raises(FrameFault, match="not valid JSON"):
            parse(text)


@pytest.mark.parametrize("number", ["0." + "9" * 5000, "1e-999"])
def test_a_number_of_any_length_is_read(number: str) -> None:
    assert isinstance(parse(f'[2,"19","Authorize",{{"idTag":{number}}}]'), Call)


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999"])
def test_a_number_that_is_infinite_is_not(number: str) -> None:
    with pytest.raises(FrameFault) as fault:
        parse(f'[2,"19","Authorize",{{"idTag":{number}}}]')
    assert (fault.value.code, fault.value.message_id) == (ErrorCode.FORMATION_VIOLATION, "19")
