"""The plots of a report: numbers in, SVG out. All that share the session's time have the same horizontal axis."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ocpp_actors.testbench.report.axes import (
    Scale,
    Written,
    clock,
    count,
    decades,
    duration,
    even_ticks,
    time_ticks,
)
from ocpp_actors.testbench.report.svg import Markup, element, joined, number

Json = dict[str, Any]

WIDTH: Final = 960
LEFT: Final = 116
RIGHT: Final = 30
TOP: Final = 12
HEIGHT: Final = 150
AXIS: Final = 26
ROW: Final = 18
EVENT_ROWS: Final = 10

LINES: Final = (("max", "maximum"), ("p95", "95 %"), ("p50", "median"))


def response_times(slots: Sequence[Json], width: float, seconds: float) -> Markup:
    """Draw median, 95 % and maximum of the response times over time, on a logarithmic scale."""
    answered = [each for each in slots if each["answers"]]
    if not answered:
        return _empty("No message was answered.")
    low = min(each["p50"] for each in answered)
    ticks = decades(low, max(each["max"] for each in answered))
    x, y = _time_scale(seconds), Scale(ticks[0], ticks[-1], TOP + HEIGHT, TOP, logarithmic=True)
    lines = [
        _line(
            [[(x(each["at"] + width / 2), y(each[key])) for each in part] for part in _unbroken(slots)], key
        )
        for key, _ in LINES
    ]
    hover = [
        _hover(x, each["at"], width, f"{clock(each['at'])}: median {duration(each['p50'])}, 95 % "
               f"{duration(each['p95'])}, maximum {duration(each['max'])}, {each['answers']} answers")
        for each in answered
    ]  # fmt: skip
    return _plot("Response times over time", x, seconds, (ticks, y, duration), [*lines, *hover])


def throughput(slots: Sequence[Json], width: float, seconds: float) -> Markup:
    """Draw messages per second over time."""
    if not slots:
        return _empty("No message was sent.")
    rates = [each["frames"] / width for each in slots]
    ticks = even_ticks(max(rates))
    x, y = _time_scale(seconds), Scale(0, ticks[-1], TOP + HEIGHT, TOP)
    bars = [
        element(
            "rect",
            element("title", f"{clock(each['at'])}: {count(round(rate, 1))} messages a second"),
            x=x(each["at"]), y=y(rate), width=_bar_width(x, each["at"], width), height=TOP + HEIGHT - y(rate),
            class_="bar",
        )
        for each, rate in zip(slots, rates, strict=True)
        if rate
    ]  # fmt: skip
    return _plot("Messages per second", x, seconds, (ticks, y, count), bars)


def connected(points: Sequence[Sequence[float]], total: int, seconds: float) -> Markup:
    """Draw how many chargers were connected over time."""
    x = _time_scale(seconds)
    ticks = even_ticks(max(total, 1))
    y = Scale(0, ticks[-1], TOP + HEIGHT, TOP)
    path, last = [f"M{number(x(0))} {number(y(0))}"], 0.0
    for at, value in points:
        path += [f"H{number(x(at))}", f"V{number(y(value))}"]
        last = value
    path += [f"H{number(x(seconds))}", f"V{number(y(0))}Z"]
    area = element(
        "path",
        element("title", f"{count(last)} of {count(total)} in the end"),
        d="".join(path),
        class_="area",
    )
    return _plot("Connected chargers", x, seconds, (ticks, y, count), [area])


def distribution(bars: Sequence[Json]) -> Markup:
    """Draw how the response times are distributed, on a logarithmic scale."""
    if not bars:
        return _empty("No message was answered.")
    x_ticks = decades(min(each["from"] for each in bars), max(each["to"] for each in bars))
    y_ticks = even_ticks(max(each["count"] for each in bars))
    x = Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT, logarithmic=True)
    y = Scale(0, y_ticks[-1], TOP + HEIGHT, TOP)
    drawn = [
        element(
            "rect",
            element("title", f"{duration(each['from'])} to {duration(each['to'])}: {count(each['count'])} answers"),
            x=x(each["from"]), y=y(each["count"]), width=max(1.0, x(each["to"]) - x(each["from"]) - 1.0),
            height=TOP + HEIGHT - y(each["count"]), class_="bar",
        )
        for each in bars
        if each["count"]
    ]  # fmt: skip
    marks = [_tick_below(x(tick), duration(tick)) for tick in x_ticks]
    return _frame("Distribution of response times", HEIGHT, [*_rules(y_ticks, y, count), *marks, *drawn])


def faults(events: Sequence[Json], seconds: float) -> Markup:
    """Draw what was done to the session: a row for each kind, at most a few."""
    if not events:
        return _empty("Nothing was done to the session.")
    kinds = list(dict.fromkeys(each["kind"] for each in events))
    shown = kinds[:EVENT_ROWS] if len(kinds) <= EVENT_ROWS else [*kinds[: EVENT_ROWS - 1], "others"]
    x = _time_scale(seconds)
    drawn = list(_labels(shown))
    for each in events:
        row = shown.index(each["kind"]) if each["kind"] in shown else len(shown) - 1
        who = f"{each['who']}: " if each["who"] else ""
        title = element("title", f"{who}{each['text']}, {clock(each['at'])} to {clock(each['until'])}")
        drawn.append(_span(title, x, each["at"], each["until"], row, "fault"))
    return _timeline("Faults and restarts", x, seconds, len(shown), drawn)


def timelines(chargers: Sequence[Json], seconds: float) -> Markup:
    """Draw when each charger was connected: a row each."""
    if not chargers:
        return _empty("There were no chargers.")
    x = _time_scale(seconds)
    drawn = list(_labels([each["identity"] for each in chargers]))
    for row, charger in enumerate(chargers):
        for start, end, state in charger["spans"]:
            title = element("title", f"{charger['identity']}: {state}, {clock(start)} to {clock(end)}")
            drawn.append(_span(title, x, start, end, row, f"is-{state}"))
    return _timeline("Connections", x, seconds, len(chargers), drawn)


# --- parts -----------------------------------------------------------------------------------------------------


def _time_scale(seconds: float) -> Scale:
    return Scale(0, max(seconds, 0.001), LEFT, WIDTH - RIGHT)


def _unbroken(slots: Sequence[Json]) -> Iterable[list[Json]]:
    """Cut the slots where none has an answer, so that no line is drawn over the gap."""
    part: list[Json] = []
    for each in slots:
        if each["answers"]:
            part.append(each)
        elif part:
            yield part
            part = []
    if part:
        yield part


def _line(parts: Iterable[Sequence[tuple[float, float]]], name: str) -> Markup:
    path = []
    for points in parts:
        path += [f"{'L' if n else 'M'}{number(x)} {number(y)}" for n, (x, y) in enumerate(points)]
        if len(points) == 1:
            path.append("h.1")
    return element("path", d="".join(path), class_=f"line line-{name}")


def _hover(x: Scale, at: float, width: float, text: str) -> Markup:
    return element(
        "rect",
        element("title", text),
        x=x(at),
        y=TOP,
        width=_bar_width(x, at, width),
        height=HEIGHT,
        class_="hover",
    )


def _bar_width(x: Scale, at: float, width: float) -> float:
    return max(1.0, x(at + width) - x(at) - (1.0 if x(at + width) - x(at) > 4 else 0.0))


def _plot(
    title: str,
    x: Scale,
    seconds: float,
    vertical: tuple[Sequence[float], Scale, Written],
    drawn: Iterable[Markup],
) -> Markup:
    ticks, y, written = vertical
    return _frame(title, HEIGHT, [*_rules(ticks, y, written), *_times(x, seconds, TOP + HEIGHT), *drawn])


def _timeline(title: str, x: Scale, seconds: float, rows: int, drawn: Iterable[Markup]) -> Markup:
    height = rows * ROW
    return _frame(title, height, [*_times(x, seconds, TOP + height), *drawn])


def _frame(title: str, height: int, content: Iterable[Markup]) -> Markup:
    whole = TOP + height + AXIS
    return element(
        "svg", element("title", title), *content,
        viewBox=f"0 0 {WIDTH} {whole}", width=WIDTH, height=whole, role="img", aria_label=title,
    )  # fmt: skip


def _rules(ticks: Sequence[float], y: Scale, written: Written) -> Iterable[Markup]:
    for tick in ticks:
        at = number(y(tick))
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, class_="rule")
        yield element("text", written(tick), x=LEFT - 8, y=number(y(tick) + 4), class_="tick end")


def _times(x: Scale, seconds: float, bottom: int) -> Iterable[Markup]:
    for tick in time_ticks(seconds):
        at = number(x(tick))
        yield element("line", x1=at, x2=at, y1=TOP, y2=bottom, class_="rule")
        yield element("text", clock(tick), x=at, y=bottom + 17, class_="tick middle")


def _tick_below(at: float, text: str) -> Markup:
    x = number(at)
    return joined(
        element("line", x1=x, x2=x, y1=TOP, y2=TOP + HEIGHT, class_="rule"),
        element("text", text, x=x, y=TOP + HEIGHT + 17, class_="tick middle"),
    )


def _labels(names: Iterable[str]) -> Iterable[Markup]:
    for row, name in enumerate(names):
        short = name if len(name) <= 15 else f"{name[:14]}…"
        yield element("text", short, x=LEFT - 8, y=number(TOP + row * ROW + ROW / 2 + 4), class_="tick end")


def _span(title: Markup, x: Scale, start: float, end: float, row: int, kind: str) -> Markup:
    return element(
        "rect", title, x=x(start), y=float(TOP + row * ROW + 3), width=max(1.5, x(end) - x(start)), height=ROW - 6,
        class_=kind,
    )  # fmt: skip


def _empty(text: str) -> Markup:
    return element("p", text, class_="empty")
