"""Whether a payload is the message that it should be; what is wrong with a large one is found out in a thread."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog
import trio
from attrs import AttrsInstance

from ocpp_actors.protocol.validation import Fault, Invalid, decode, decode_leniently

log = structlog.get_logger(__name__)

LARGE = 64 * 1024
"""Characters of a frame above which what is wrong with it is found out in a thread: for a megabyte that takes about a
second, in which no charge point would be answered."""

M = TypeVar("M", bound=AttrsInstance)


async def judge(
    cls: type[M], payload: object, *, size: int, lenient: bool, flag: Callable[[str, str], None]
) -> M:
    """Build the message from a payload that came in a frame of ``size`` characters.

    Where the charge point is ``lenient``, what can be put up with is, and ``flag`` is told of it: quirk and detail.

    Raises Invalid: it is not this message. Why is known then, and logged.
    """
    try:
        return decode(cls, payload)
    except Invalid as invalid:
        try:
            return await judge_again(cls, payload, invalid, size=size, lenient=lenient, flag=flag)
        finally:
            invalid.__traceback__ = None  # its frames have it, and with it the payload: a cycle


async def judge_again(
    cls: type[M],
    payload: object,
    invalid: Invalid,
    *,
    size: int,
    lenient: bool,
    flag: Callable[[str, str], None],
) -> M:
    """Do as judge() does with a payload of which ``decode`` has said that it is ``invalid``."""
    look_again = partial(_look_again, cls, payload, lenient, invalid)
    try:
        message, put_up_with = await trio.to_thread.run_sync(look_again) if size > LARGE else look_again()
    except Invalid as refusal:
        for fault in refusal.faults:
            log.warning("invalid payload", path=fault.path, rule=fault.rule, fault=fault.description)
        raise
    for fault in put_up_with:
        flag("invalid payload", f"{fault.path}: {fault.description}")
    return message


def _look_again(
    cls: type[M], payload: object, lenient: bool, invalid: Invalid
) -> tuple[M, tuple[Fault, ...]]:
    """Put up with what can be put up with, or find out what is wrong. It may take its time."""
    try:
        if lenient:
            return decode_leniently(cls, payload)
        raise invalid
    except Invalid as refusal:
        _ = refusal.faults
        raise
