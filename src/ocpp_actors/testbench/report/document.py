"""The report as data: what the JSON file has, and what the page is made of. Times are seconds since the beginning."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ocpp_actors import __version__
from ocpp_actors.protocol.catalogue import ACTIONS
from ocpp_actors.testbench.measuring.distribution import Distribution
from ocpp_actors.testbench.measuring.measures import Charger, Measures
from ocpp_actors.testbench.runner import Outcome, Verdict
from ocpp_actors.testbench.session import Result

Json = dict[str, Any]

BARS: Final = 48

OTHER_ACTIONS: Final = "other (not OCPP 1.6)"


def document(result: Result, central_system: str, *, command: str, frames_not_written: int = 0) -> Json:
    """Return the report of a session as JSON.

    ``command`` is what to type for the same session again. ``frames_not_written``: how many did not fit into the files
    of frames.
    """
    measures = result.measures
    return {
        "profile": {
            "name": result.profile.name,
            "title": result.profile.title,
            "description": result.profile.description,
        },
        "version": __version__,
        "label": result.label,
        "seed": result.profile.seed,
        "started": f"{result.started:%Y-%m-%dT%H:%M:%SZ}",
        "seconds": _rounded(result.seconds),
        "centralSystem": central_system,
        "command": command,
        "verdict": "passed" if result.passed else "interrupted" if result.interrupted else "failed",
        "troubles": list(result.troubles),
        "limits": [
            {"name": each.name, "asked": each.asked, "measured": each.measured, "held": each.held}
            for each in result.limits
        ],
        "scenarios": [_scenario(each, result.began_at) for each in _in_order(result.outcomes)],
        "counts": {
            str(verdict): sum(each.verdict is verdict for each in result.outcomes) for verdict in Verdict
        },
        **_measured(measures, result.began_at),
        "frameFiles": {"kept": result.profile.frame_logs == "all", "leftOut": frames_not_written},
        "transactions": _transactions(result),
        "returned": [
            {
                "restart": each.number,
                "how": each.how,
                "downSeconds": _rounded(each.down),
                "chargers": each.chargers,
                "back": each.back,
                "seconds": _rounded(each.seconds),
            }
            for each in result.findings.returned
        ],
    }


def _in_order(outcomes: tuple[Outcome, ...]) -> list[Outcome]:
    return sorted(outcomes, key=lambda each: (each.scenario.group, each.scenario.name, each.station or ""))


def _scenario(outcome: Outcome, began_at: float) -> Json:
    frames = [
        {
            "at": _rounded(each.at - began_at),
            "chargePoint": identity,
            "direction": each.direction,
            "frame": each.text,
        }
        for identity, said in outcome.frames.items()
        for each in said
    ]
    return {
        "name": outcome.scenario.name,
        "group": outcome.scenario.group,
        "case": outcome.scenario.case,
        "title": outcome.scenario.title,
        "description": outcome.scenario.description,
        "station": outcome.station,
        "verdict": str(outcome.verdict),
        "reason": outcome.reason,
        "at": _rounded(outcome.started_at - began_at),
        "seconds": _rounded(outcome.seconds),
        "frames": sorted(frames, key=lambda each: each["at"]),
        "framesLeftOut": outcome.left_out,
    }


def _measured(measures: Measures, began_at: float) -> Json:
    judged = measures.judged_right + measures.judged_wrong
    return {
        "responseTimes": {
            "all": _times(measures.all_response_times),
            "byAction": [
                {"action": action, **_times(times)} for action, times in _by_action(measures.response_times)
            ],
            "distribution": [
                {"from": low, "to": high, "count": count}
                for low, high, count in measures.all_response_times.bars(BARS)
            ],
        },
        "commandTimes": [
            {"action": action, **_times(measures.command_times[action])}
            for action in sorted(measures.command_times)
        ],
        "overTime": {"width": measures.series.width, "slots": list(_slots(measures))},
        "connectedOverTime": [
            [_rounded(at - began_at), number] for at, number in measures.connected_over_time
        ],
        "chargers": [_charger(each) for each in measures.chargers.values()],
        "timelines": [
            {
                "identity": identity,
                "spans": [
                    [_rounded(span.start - began_at), _rounded(span.end - began_at), str(span.state)]
                    for span in spans
                ],
            }
            for identity, spans in measures.timelines
        ],
        "events": [
            {
                "at": _rounded(each.at - began_at),
                "until": _rounded(each.until - began_at),
                "kind": each.kind,
                "text": each.text,
                "who": each.who,
            }
            for each in sorted(measures.events, key=lambda each: each.at)
        ],
        "frames": measures.frames,
        "connectionStability": measures.stability,
        "verdicts": {
            "judged": judged,
            "right": measures.judged_right,
            "accuracy": measures.accuracy,
            "wrong": list(measures.wrong),
        },
        "callErrors": [
            {"sender": sender, "code": code, "count": count}
            for (sender, code), count in sorted(measures.call_errors.items())
        ],
    }


def _by_action(times: Mapping[str, Distribution]) -> Iterator[tuple[str, Distribution]]:
    """Yield those of each action, then those of all that are none together."""
    others = Distribution()
    for action in sorted(times):
        if action in ACTIONS:
            yield action, times[action]
        else:
            others.merge(times[action])
    if others.count:
        yield OTHER_ACTIONS, others


def _times(distribution: Distribution) -> Json:
    return {
        "count": distribution.count,
        "p50": _precise(distribution.quantile(0.5)),
        "p95": _precise(distribution.quantile(0.95)),
        "p99": _precise(distribution.quantile(0.99)),
        "max": _precise(distribution.max),
    }


def _slots(measures: Measures) -> Iterator[Json]:
    for number, slot in enumerate(measures.series.slots):
        times = slot.response_times
        yield {
            "at": number * measures.series.width,
            "frames": slot.frames,
            "answers": times.count,
            "p50": _precise(times.quantile(0.5)),
            "p95": _precise(times.quantile(0.95)),
            "max": _precise(times.max),
        }


def _charger(charger: Charger) -> Json:
    connection = charger.connection
    return {
        "identity": charger.identity,
        "kind": charger.kind,
        "connected": connection.connected,
        "stability": connection.stability,
        "outages": connection.outages,
        "frames": charger.frames,
        "callErrors": charger.call_errors,
        "p95": _precise(charger.response_times.quantile(0.95)),
        "max": _precise(charger.response_times.max),
    }


def _transactions(result: Result) -> Json:
    audit, books = result.findings.audit, result.measures.books
    return {
        "confirmed": books.started,
        "stopped": books.stopped,
        "compared": audit is not None,
        "lost": list(audit.lost) if audit else [],
        "doubled": list(audit.doubled) if audit else [],
        "unchecked": audit.unchecked if audit else 0,
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _precise(seconds: float) -> float:
    """Round to four digits."""
    if seconds == 0:
        return 0.0
    return round(seconds, 3 - math.floor(math.log10(abs(seconds))))
