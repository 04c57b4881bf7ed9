"""Secrets are taken out of a frame before it is recorded, and out of a command that is done (A01.FR.08, A01.FR.09).

The secrets of OCPP 1.6 that travel in frames are the AuthorizationKey, in a ChangeConfiguration of the server and in
the answer to a GetConfiguration if a charge point shows it, and passwords in the URLs that firmware, diagnostics and
logs are sent by.
"""

import re
from typing import Any, Final, TypeVar

import orjson

from ocpp_actors.protocol.frames import MAX_CONTAINERS

T = TypeVar("T")

MASK: Final = "***"
MAX_ROUGH: Final = 1 << 16
"""Characters of a text that is no JSON and speaks of AuthorizationKey, above which nothing of it is kept."""

_KEY: Final = "authorizationkey"
_JSON_VALUE: Final = re.compile(
    r"""(?P<before>:\s*)(?P<value>"(?:[^"\\]|\\.)*(?:"|\\?\Z)|'[^']*(?:'|\Z)|[^\s"'\[\]{},][^"\[\]{},]*)""",
    re.DOTALL,
)


_PASSWORD: Final = re.compile(r"""(:\\?/\\?/[^\s/@:"\\]*):[^\s/"\\]*@""")


def mask(text: str) -> str:
    """Return the frame with every value of AuthorizationKey, and every password in a URL, masked.

    Any other frame is returned as it is. A text that speaks of AuthorizationKey is masked as a whole, and a frame that
    does so and is no JSON loses all its values.
    """
    masked = _without_key(text)
    return _PASSWORD.sub(rf"\1:{MASK}@", masked) if "@" in masked else masked


def mask_document(document: T) -> T:
    """Return a payload, or anything else that is JSON, masked as a frame is."""
    text = orjson.dumps(document).decode()
    masked = mask(text)
    return document if masked == text else orjson.loads(masked)


def _without_key(text: str) -> str:
    if _KEY not in text.lower() and "\\u" not in text:
        return text
    if text.count("[") + text.count("{") > MAX_CONTAINERS:
        return MASK if _KEY in _unescaped(text).lower() else text
    try:
        frame = orjson.loads(text)
        return orjson.dumps(frame).decode() if _mask_within(frame) else text
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _mask_roughly(text)


def _mask_within(frame: Any) -> bool:
    """Mask in place, without recursion: a frame may be nested as deep as its sender likes."""
    masked = False
    rest = [frame]
    while rest:
        node = rest.pop()
        if isinstance(node, list):
            for number, value in enumerate(node):
                if _speaks_of_key(value):
                    node[number] = MASK
                    masked = True
            rest.extend(node)
        elif isinstance(node, dict):
            entry_of_key = any(_is_key(value) for value in node.values())
            for name, value in node.items():
                secret = _is_key(name) or (entry_of_key and not _is_key(value)) or _speaks_of_key(value)
                if secret and not isinstance(value, bool | None):
                    node[name] = MASK
                    masked = True
                else:
                    rest.append(value)
    return masked


def _is_key(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() == _KEY


def _speaks_of_key(value: object) -> bool:
    """Whether it is a sentence about the key: errors of charge points have been seen to repeat what they refuse."""
    return isinstance(value, str) and _KEY in value.lower() and not _is_key(value)


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)


def _mask_roughly(text: str) -> str:
    unescaped = _unescaped(text)
    if _KEY not in unescaped.lower():
        return text
    if len(unescaped) > MAX_ROUGH:
        return MASK
    return _JSON_VALUE.sub(
        lambda match: match[0] if _KEY in match["value"].lower() else f'{match["before"]}"{MASK}"', unescaped
    )
