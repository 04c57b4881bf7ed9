"""The report as one HTML page that needs nothing else: no script, no font, no image from anywhere."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Any, Final

from ocpp_actors.testbench.measuring.limits import percent
from ocpp_actors.testbench.report import plots
from ocpp_actors.testbench.report.axes import clock, count, duration
from ocpp_actors.testbench.report.frames_view import frames, reason
from ocpp_actors.testbench.report.svg import Markup, element, joined, void

Json = dict[str, Any]

VERDICTS: Final = ("failed", "broken", "passed", "skipped")
"""The verdicts of scenarios, those first that need a person."""

_SIGNS: Final = {"passed": "✓", "failed": "✗", "broken": "✗", "skipped": "–", "interrupted": "!"}
_HEADLINES: Final = {"passed": "Passed", "failed": "Failed", "interrupted": "Interrupted"}
_HELD: Final = {True: "passed", False: "failed", None: "skipped"}
MANY: Final = 24
"""Rows above which a table is folded."""


def page(document: Json) -> str:
    """Return the page of a report."""
    style = files("ocpp_actors.testbench.report").joinpath("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=policy),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        element("title", f"{_HEADLINES[document['verdict']]}: {document['profile']['title']}"),
        element("style", Markup(style)),
    )
    body = element("body", element("main", *_sections(document)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _sections(document: Json) -> Iterator[Markup]:
    yield _header(document)
    yield _tiles(document)
    if document["troubles"]:
        yield _section(
            "Troubles", element("ul", *(element("li", each) for each in document["troubles"]), class_="bad")
        )
    if document["limits"]:
        yield _section("Limits", _limits(document["limits"]))
    if document["scenarios"]:
        yield _section("Scenarios", *_scenarios(document["scenarios"]))
    yield _section("Over time", *_over_time(document))
    yield _section("Response times of the central system", *_response_times(document["responseTimes"]))
    if document["commandTimes"]:
        yield _section("Response times of the chargers", _times_table(document["commandTimes"]))
    if document["chargers"]:
        yield _section("Chargers", _chargers(document["chargers"]))
    yield _section("Messages and books", *_books(document))
    yield _footer(document)


def _header(document: Json) -> Markup:
    verdict, profile = document["verdict"], document["profile"]
    return element(
        "header",
        element("p", f"{_SIGNS[verdict]} {_HEADLINES[verdict]}", class_=f"verdict {verdict}"),
        element("h1", profile["title"]),
        element("p", profile["description"], class_="lead") if profile["description"] else None,
        element(
            "p",
            f"Profile {profile['name']} · {document['started'].replace('T', ' ').replace('Z', ' UTC')} · took "
            f"{clock(round(document['seconds'], 1))} · {document['centralSystem']}",
            class_="muted",
        ),
    )


def _tiles(document: Json) -> Markup:
    counts, times = document["counts"], document["responseTimes"]["all"]
    stability, accuracy = document["connectionStability"], document["verdicts"]["accuracy"]
    bad = counts["failed"] + counts["broken"]
    ran = counts["passed"] + bad
    connected = sum(each["connected"] for each in document["chargers"])
    return element(
        "dl",
        _tile(
            "Runs passed",
            f"{counts['passed']} of {ran}" if ran else "–",
            f"{counts['skipped']} skipped" if document["scenarios"] else "none were asked for",
            bad=bad > 0,
        ),
        _tile("Chargers", count(len(document["chargers"])), f"{count(connected)} connected in the end"),
        _tile("Messages", count(document["frames"]), f"{_rate(document)} a second"),
        _tile("Response time, 99\u00a0%", duration(times["p99"]), f"median {duration(times['p50'])}"),
        _tile(
            "Stability",
            "–" if stability is None else percent(stability),
            "of the time with a link",
        ),
        _tile(
            "Verdict accuracy",
            "–" if accuracy is None else percent(accuracy),
            f"{count(document['verdicts']['judged'])} judged",
        ),
        class_="tiles",
    )


def _rate(document: Json) -> str:
    return count(round(document["frames"] / max(document["seconds"], 0.001), 1))


def _tile(name: str, value: str, detail: str, *, bad: bool = False) -> Markup:
    return element(
        "div",
        element("dt", name),
        element("dd", element("b", value), element("small", detail)),
        class_="tile bad" if bad else "tile",
    )


def _limits(limits: Sequence[Json]) -> Markup:
    words = {True: "held", False: "missed", None: "not measured"}
    return _table(
        ("Verdict", "Limit", "Asked", "Measured"),
        (
            (_badge(_HELD[each["held"]], words[each["held"]]), each["name"], each["asked"], each["measured"])
            for each in limits
        ),
        kind="limits",
    )


# --- scenarios -------------------------------------------------------------------------------------------------


def _scenarios(runs: Sequence[Json]) -> Iterator[Markup]:
    scenarios = [list(group) for _, group in groupby(runs, key=lambda each: (each["group"], each["name"]))]
    verdicts = [_worst(each) for each in scenarios]
    counts = Counter(verdicts)
    shown = [each for each in VERDICTS if counts[each]]
    for name, number in (("all", len(scenarios)), *((each, counts[each]) for each in shown)):
        yield void("input", type="radio", name="show", id=f"show-{name}", checked=name == "all")
        yield element("label", f"{name.capitalize()} {number}", for_=f"show-{name}")
    by_verdict = sorted(zip(verdicts, scenarios, strict=True), key=lambda each: min(map(_place, each[1])))
    yield element("div", *(_scenario(each, verdict) for verdict, each in by_verdict), class_="scenarios")


def _place(run: Json) -> tuple[int, float]:
    """Return where a run stands: what failed first is first, the rest keep their order."""
    bad = run["verdict"] in ("failed", "broken")
    return VERDICTS.index(run["verdict"]), run["at"] if bad else 0.0


def _worst(runs: Sequence[Json]) -> str:
    found = {each["verdict"] for each in runs}
    return next(each for each in VERDICTS if each in found)


def _scenario(runs: Sequence[Json], verdict: str) -> Markup:
    first = runs[0]
    bad = verdict in ("failed", "broken")
    counts = Counter(each["verdict"] for each in runs)
    many = " · ".join(f"{counts[each]} {each}" for each in VERDICTS if counts[each]) if len(runs) > 1 else ""
    longest = max(each["seconds"] for each in runs)
    title, _, rest = first["description"].partition("\n")
    return element(
        "details",
        element(
            "summary",
            _badge(verdict, verdict),
            element("span", first["name"], class_="name"),
            element("span", first["case"], class_="case") if first["case"] else None,
            element("span", title, class_="title"),
            element("span", many or duration(longest), class_="muted side"),
        ),
        element("p", rest.strip(), class_="muted") if rest.strip() else None,
        *(_run(each, unfolded=bad and number == 0) for number, each in enumerate(sorted(runs, key=_place))),
        class_=f"scenario {verdict}",
        open=bad,
    )


def _run(run: Json, *, unfolded: bool) -> Markup:
    where = run["station"] or "without a charger"
    return element(
        "div",
        element("p", _badge(run["verdict"], run["verdict"]), f" {where}, at {clock(round(run['at'], 1))}, took "
                f"{duration(run['seconds'])}", class_="muted"),
        reason(run["reason"]),
        frames(run["frames"], run["framesLeftOut"], unfolded=unfolded)
        if run["frames"] or run["framesLeftOut"]
        else None,
        class_="run",
    )  # fmt: skip


# --- plots and tables ------------------------------------------------------------------------------------------


def _over_time(document: Json) -> Iterator[Markup]:
    over_time, seconds = document["overTime"], document["seconds"]
    slots, width = over_time["slots"], over_time["width"]
    legend = element(
        "span",
        *(element("span", name, class_=f"key key-{key}") for key, name in plots.LINES),
        class_="legend",
    )
    yield _figure(joined("Response time ", legend), plots.response_times(slots, width, seconds))
    yield _figure("Messages per second", plots.throughput(slots, width, seconds))
    yield _figure("Faults and restarts", plots.faults(document["events"], seconds))
    if document["chargers"]:
        total = len(document["chargers"])
        yield _figure("Connected chargers", plots.connected(document["connectedOverTime"], total, seconds))
        keys = element(
            "span",
            element("span", "connected", class_="key key-connected"),
            element("span", "away", class_="key key-away"),
            element("span", "link, power or server down", class_="key key-down"),
            class_="legend",
        )
        lines = document["timelines"]
        more = f", the {len(lines)} with the most outages" if len(lines) < total else ""
        figure = _figure(joined(f"Connections{more} ", keys), plots.timelines(lines, seconds))
        yield (
            figure
            if len(lines) <= MANY
            else element("details", element("summary", "Connection of each charger"), figure)
        )


def _response_times(times: Json) -> Iterator[Markup]:
    yield _figure("Distribution", plots.distribution(times["distribution"]))
    yield _times_table([*times["byAction"], {"action": "all", **times["all"]}])


def _times_table(rows: Iterable[Json]) -> Markup:
    keys = ("p50", "p95", "p99", "max")
    return _table(
        ("Action", "Answers", "Median", "95 %", "99 %", "Maximum"),
        ((each["action"], count(each["count"]), *(duration(each[key]) for key in keys)) for each in rows),
        numbers=5,
    )


def _chargers(chargers: Sequence[Json]) -> Markup:
    table = _table(
        ("Charger", "Kind", "Stability", "Outages", "Messages", "CALLERRORs", "95 %", "Maximum"),
        (
            (
                each["identity"],
                each["kind"],
                percent(each["stability"]),
                count(each["outages"]),
                count(each["frames"]),
                count(each["callErrors"]),
                duration(each["p95"]),
                duration(each["max"]),
            )
            for each in chargers
        ),
        numbers=6,
    )
    if len(chargers) <= MANY:
        return table
    return element("details", element("summary", f"All {count(len(chargers))} chargers"), table)


def _books(document: Json) -> Iterator[Markup]:
    books, verdicts = document["transactions"], document["verdicts"]
    compared = (
        "compared with the central system's books" if books["compared"] else "not compared: no operator's API"
    )
    unchecked = f", {count(books['unchecked'])} were not" if books["unchecked"] else ""
    yield element(
        "p",
        f"{count(books['confirmed'])} transactions were confirmed to chargers, {count(books['stopped'])} of them "
        f"stopped; {compared}{unchecked}. {count(verdicts['right'])} of {count(verdicts['judged'])} messages were "
        "judged right.",
    )
    if document["frameFiles"]["leftOut"]:
        yield element(
            "p", f"{count(document['frameFiles']['leftOut'])} messages did not fit into the files of frames."
        )
    for each in document["returned"]:
        how = "killed" if each["how"] == "kill" else "told to end"
        yield element(
            "p",
            f"Restart {each['restart']}: the server was {how} and away for {each['downSeconds']:.1f} s; {each['back']} "
            f"of {each['chargers']} chargers were back {each['seconds']:.1f} s after it listened again.",
        )
    for title, lines in (
        ("Lost transactions", books["lost"]),
        ("Doubled transactions", books["doubled"]),
        ("Messages that were judged wrong", verdicts["wrong"]),
    ):
        if lines:
            yield element("h3", title)
            yield element("ul", *(element("li", each) for each in lines), class_="bad")
    if document["callErrors"]:
        yield element("h3", "CALLERRORs")
        yield _table(
            ("Sent by", "Code", "Count"),
            ((each["sender"], each["code"], count(each["count"])) for each in document["callErrors"]),
            numbers=1,
        )


def _footer(document: Json) -> Markup:
    return element(
        "footer",
        element(
            "p",
            f"ocpp-actors {document['version']} · session {document['label']} · seed {document['seed']} · repeat it "
            "with ",
            element("code", document["command"]),
        ),
    )


# --- pieces ----------------------------------------------------------------------------------------------------


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content)


def _figure(caption: object, plot: Markup) -> Markup:
    return element(
        "figure", element("figcaption", caption), element("div", plot, class_="plot", tabindex="0")
    )


def _badge(kind: str, text: str) -> Markup:
    return element("span", f"{_SIGNS.get(kind, '')} {text}", class_=f"badge {kind}")


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], numbers: int = 0, kind: str = ""
) -> Markup:
    """Return a table whose last ``numbers`` columns are set to the right."""
    first = len(headers) - numbers
    classes = [None if n < first else "number" for n in range(len(headers))]
    head = element(
        "tr",
        *(element("th", name, scope="col", class_=cls) for name, cls in zip(headers, classes, strict=True)),
    )
    body = (
        element("tr", *(element("td", cell, class_=cls) for cell, cls in zip(row, classes, strict=True)))
        for row in rows
    )
    table = element("table", element("thead", head), element("tbody", *body))
    return element("div", table, class_=f"table {kind}".rstrip(), tabindex="0")
