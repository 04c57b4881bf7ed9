"""Whether what was measured is good enough."""

from collections.abc import Iterator

from attrs import frozen

from ocpp_actors.testbench.measuring.distribution import Distribution
from ocpp_actors.testbench.measuring.measures import Measures
from ocpp_actors.testbench.measuring.transactions import Audit
from ocpp_actors.testbench.profiles.profile import Limits


@frozen
class Returned:
    """How chargers came back after the server was started again. ``seconds`` count until the last one was back."""

    number: int
    how: str
    down: float
    chargers: int
    back: int
    seconds: float
    within: float


@frozen
class LimitVerdict:
    """One limit: what it asks for, what was measured; ``held`` is None where nothing could be measured."""

    name: str
    asked: str
    measured: str
    held: bool | None


@frozen(kw_only=True)
class Findings:
    """What was found out at the end of a session; None where it could not be."""

    restarts: int | None = None
    audit: Audit | None = None
    returned: tuple[Returned, ...] = ()
    online: int | None = None
    """Chargers that are connected by the central system's own account, each counted once."""
    online_expected: int | None = None


def verdicts(limits: Limits, measures: Measures, findings: Findings) -> list[LimitVerdict]:
    """Return a verdict for each limit that is set."""
    return [*_response_times(limits, measures), *_shares(limits, measures), *_counts(limits, findings)]


def _response_times(limits: Limits, measures: Measures) -> Iterator[LimitVerdict]:
    overall = measures.all_response_times
    yield from _times("response time", overall, limits.response_time_p99, limits.response_time_max)
    for action, own in limits.actions.items():
        measured = measures.response_times.get(action, Distribution())
        yield from _times(
            f"response time of {action}", measured, own.response_time_p99, own.response_time_max
        )


def _times(
    name: str, measured: Distribution, p99: float | None, longest: float | None
) -> Iterator[LimitVerdict]:
    for what, limit, value in (("99 %", p99, measured.quantile(0.99)), ("maximum", longest, measured.max)):
        if limit is None:
            continue
        if measured.count == 0:
            yield LimitVerdict(f"{name}, {what}", f"at most {_seconds(limit)}", "nothing was answered", None)
        else:
            yield LimitVerdict(
                f"{name}, {what}", f"at most {_seconds(limit)}", _seconds(value), value <= limit
            )


def _shares(limits: Limits, measures: Measures) -> Iterator[LimitVerdict]:
    for name, limit, value, detail in (
        ("connection stability", limits.connection_stability, measures.stability, ""),
        (
            "verdict accuracy",
            limits.verdict_accuracy,
            measures.accuracy,
            f" of {measures.judged_right + measures.judged_wrong} messages",
        ),
    ):
        if limit is None:
            continue
        if value is None:
            yield LimitVerdict(name, f"at least {percent(limit)}", "nothing to measure", None)
        else:
            yield LimitVerdict(name, f"at least {percent(limit)}", percent(value) + detail, value >= limit)


def _counts(limits: Limits, findings: Findings) -> Iterator[LimitVerdict]:
    audit = findings.audit
    of = f" of {audit.compared}" if audit else ""
    for name, limit, value, detail in (
        ("restarts of server and task trees", limits.restarts, findings.restarts, ""),
        ("lost transactions", limits.lost_transactions, None if audit is None else audit.lost_count, of),
        (
            "doubled transactions",
            limits.doubled_transactions,
            None if audit is None else audit.doubled_count,
            of,
        ),
    ):
        if limit is None:
            continue
        if value is None:
            yield LimitVerdict(name, f"at most {limit}", "the central system does not tell", None)
        else:
            yield LimitVerdict(name, f"at most {limit}", f"{value}{detail}", value <= limit)
    for each in findings.returned:
        yield LimitVerdict(
            f"back after restart {each.number}",
            f"{each.chargers} chargers within {_seconds(each.within)}",
            f"{each.back} within {_seconds(each.seconds)}",
            each.back == each.chargers,
        )
    if findings.returned and findings.online is not None:
        yield LimitVerdict(
            "online by the central system's account, each once",
            f"{findings.online_expected}",
            f"{findings.online}",
            findings.online == findings.online_expected,
        )


def percent(share: float) -> str:
    """Write a share so that only a whole one is 100 %."""
    text = f"{100 * share:.3f}".rstrip("0").rstrip(".")
    return "99.999 %" if text == "100" and share < 1 else f"{text} %"


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.4g} s"
