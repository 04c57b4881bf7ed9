import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_actors.ledger.masking import MASK, mask, mask_document

SECRET = "hunter2hunter2hunter2"


@pytest.mark.parametrize(
    "frame",
    [
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}],
        [2, "1", "ChangeConfiguration", {"value": SECRET, "key": "authorizationKEY "}],
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "Value": SECRET}],
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": {"nested": [SECRET]}}],
        [2, "1", "ChangeConfiguration", {"AuthorizationKey": SECRET}],
        [3, "1", {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]}],
        [SECRET[:0], {"key": "AuthorizationKey", "value": [[[SECRET]]]}],
    ],
)
def test_the_value_of_the_authorization_key_is_masked(frame: object) -> None:
    masked = mask(orjson.dumps(frame).decode())
    assert SECRET not in masked
    assert MASK in masked


def test_the_rest_of_the_frame_is_kept() -> None:
    frame = [
        3,
        "1",
        {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                {"key": "AuthorizationKey", "readonly": True, "value": SECRET},
                {"key": "AuthorizationKey", "readonly": False, "value": None},
            ],
            "unknownKey": ["Foo"],
        },
    ]
    masked = orjson.loads(mask(orjson.dumps(frame).decode()))
    frame[2]["configurationKey"][1]["value"] = MASK  # type: ignore[index]
    assert masked == frame


def test_a_number_is_a_secret_too() -> None:
    assert mask('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":12345678}]') == (
        f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{MASK}"}}]'
    )


def test_escapes_do_not_hide_the_key() -> None:
    text = '[2,"1","ChangeConfiguration",{"key":"Authorization\\u004bey","value":"' + SECRET + '"}]'
    assert SECRET not in mask(text)
    assert SECRET not in mask(text[:-2])


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","Heartbeat",{}]',
        '[2, "1", "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "300"}]',
        '[2,"1","GetConfiguration",{"key":["AuthorizationKey"]}]',
        '[2,"1","Authorize",{"idTag":"\\u00e9"}]',
        '[2,"1","Authorize",{"idTag":"\\u00e9"',
        "not JSON at all",
        "",
    ],
)
def test_any_other_frame_is_returned_as_it_is(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"SECRET"',
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"SECRET',
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"SECRET\\',
        '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"a\\"SECRET"',
        '[2,"1","ChangeConfiguration",{"value":"SECRET","key":"AuthorizationKey"',
        "[2,'1','ChangeConfiguration',{'key':'AuthorizationKey','value':'SECRET'}]",
        "{key:AuthorizationKey,value:SECRET}",
        '{"key":"AuthorizationKey",  "value" :\n "SECRET" ]]]',
        '{"key":"AuthorizationKey","value":"SECRET"} trailing',
    ],
)
def test_a_malformed_frame_that_speaks_of_the_key_loses_its_values(text: str) -> None:
    masked = mask(text.replace("SECRET", SECRET))
    assert SECRET not in masked
    assert "AuthorizationKey" in masked


@pytest.mark.parametrize("depth", [300, 2000])
def test_a_frame_nested_deep_is_masked(depth: int) -> None:
    text = "[" * depth + '{"key":"AuthorizationKey","value":"' + SECRET + '"}' + "]" * depth
    assert SECRET not in mask(text)


@pytest.mark.parametrize("closing", ["]", ""], ids=["JSON", "no JSON"])
def test_of_a_frame_that_takes_too_long_nothing_is_kept(closing: str) -> None:
    text = '[{"key":"AuthorizationKey","value":"' + SECRET + '"}' + ",[]" * 60_000 + closing
    assert mask(text) == "***"
    assert mask(text.replace("AuthorizationKey", "Other")) == text.replace("AuthorizationKey", "Other")


def test_of_a_long_text_that_is_no_frame_nothing_is_kept() -> None:
    assert mask("AuthorizationKey" + ':"\\' * 50_000 + SECRET) == "***"


def test_a_sentence_about_the_key_is_masked() -> None:
    said = [4, "1", "GenericError", f"cannot set AuthorizationKey to {SECRET}", {}]
    assert mask(orjson.dumps(said).decode()) == '[4,"1","GenericError","***",{}]'
    told = {"status": "Rejected", "info": f"{SECRET}: no authorizationKey"}
    assert mask(orjson.dumps(told).decode()) == '{"status":"Rejected","info":"***"}'


@given(
    cut=st.integers(0, 200),
    change=st.text('{}[]",:\\ x', max_size=2),
    spaced=st.booleans(),
)
@settings(max_examples=300, derandomize=True, database=None)
def test_a_frame_cut_off_or_damaged_outside_of_the_secret_does_not_show_it(
    cut: int, change: str, spaced: bool
) -> None:
    frame = [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}]
    text = orjson.dumps(frame, option=orjson.OPT_INDENT_2 if spaced else None).decode()
    begin = text.index(SECRET) + len(SECRET)
    cut = begin + cut
    assert SECRET not in mask(text[:cut] + change + text[cut:])
    assert SECRET not in mask(text[:cut])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://user:hunter2@example.com/f", "ftp://user:***@example.com/f"),
        ("ftp://user:hunt@er2@example.com", "ftp://user:***@example.com"),
        ("ftp://:hunter2@example.com", "ftp://:***@example.com"),
        ("ftp://user@example.com/a:b@c", "ftp://user@example.com/a:b@c"),
        ("https://example.com/f?to=a@b", "https://example.com/f?to=a@b"),
        ("user:hunter2@example.com", "user:hunter2@example.com"),
    ],
)
def test_a_password_in_a_url_is_masked(url: str, shown: str) -> None:
    frame = [2, "1", "GetDiagnostics", {"location": url}]
    assert orjson.loads(mask(orjson.dumps(frame).decode()))[3] == {"location": shown}
    assert mask_document({"location": url}) == {"location": shown}
    escaped = orjson.dumps(frame).decode().replace("/", "\\/")
    assert orjson.loads(mask(escaped))[3] == {"location": shown}


def test_a_document_without_secrets_is_itself() -> None:
    document = {"location": "ftp://example.com", "list": [1, None]}
    assert mask_document(document) is document
