"""The frames of OCPP-J (OCPP-J 1.6 §4.2)."""

import pytest

from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import (
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
