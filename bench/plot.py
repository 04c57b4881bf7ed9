"""Pictures of what was measured, as SVG: the servers beside each other as bars, latencies as distributions.

Reads what compare.py and latency.py write with ``--json``; each file becomes a picture of the same name.

    python bench/plot.py compare.json latency.json --directory docs/pictures
"""

import argparse
import json
import math
import statistics
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from report import ratio
from servers import Result

WIDTH = 720
LEFT, RIGHT, TOP = 210, 70, 46
COLOURS = ("#1f6feb", "#2da44e", "#bf8700", "#8c959f")
OWN, OTHER = "#1f6feb", "#8c959f"
UNIT = "mobilityhouse"
"""The server whose figures are 1."""


def text(x: float, y: float, content: str, anchor: str = "start", size: int = 13) -> str:
    """Return a line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(content)}</text>'


def line(points: Sequence[tuple[float, float]], colour: str, width: float) -> str:
    """Return a line through some points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def picture(title: str, height: float, parts: Sequence[str]) -> str:
    """Return a picture on white, so that it can be read on a dark page too."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif" '
        f'fill="#1f2328" role="img"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>'
    )
    return "\n".join((head, text(16, 26, title, size=15), *parts, "</svg>\n"))


def bars(rows: Sequence[Result]) -> str:
    """Draw the calls a second of each server, as a multiple of mobilityhouse's."""
    measured = {(row["message"], row["server"]): row["rounds"] for row in rows}
    shown = [
        (message, server, ratio(rounds, measured[message, UNIT]))
        for (message, server), rounds in measured.items()
    ]
    scale = (WIDTH - LEFT - RIGHT) / max(value for _, _, value in shown)
    parts, y, group = [], TOP, ""
    for message, server, value in shown:
        if message != group:
            parts.append(text(16, y + 22, message, size=14))
            y, group = y + 34, message
        colour = OWN if server.startswith("this") else OTHER
        parts += [
            text(LEFT - 8, y + 14, server, "end"),
            f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="18" fill="{colour}"/>',
            text(LEFT + value * scale + 6, y + 14, f"{value:.2f} ×"),
        ]
        y += 24
    return picture(f"Calls a second on one core, {UNIT} = 1", y + 14, parts)


def named(row: Result) -> str:
    """Return what a curve shows."""
    loop = f"{row['rate']:g}/s" if row["rate"] else "closed loop"
    return f"{row['message']}, {row['charge_points']} charge points, {loop}"


def curve(rounds: Sequence[Result]) -> list[tuple[float, float]]:
    """Return shares of the messages and the milliseconds they took at most, medians of the rounds."""
    shares = zip(*(each["distribution"] for each in rounds), strict=True)
    medians = [(pairs[0][0], statistics.median(value for _, value in pairs)) for pairs in shares]
    return [(share, value) for share, value in medians if share < 1]


def distribution(rows: Sequence[Result]) -> str:
    """Draw how long answers took: the rarer, the further to the right, both axes logarithmic."""
    curves = {named(row): curve(row["rounds"]) for row in rows}
    values = [max(value, 0.01) for points in curves.values() for _, value in points]
    lowest, highest = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    left, right, bottom = 70, WIDTH - 30, 330

    def x(share: float) -> float:
        return left + (right - left) * -math.log10(1 - share) / 4

    def y(value: float) -> float:
        return bottom - (bottom - TOP) * (math.log10(max(value, 0.01)) - lowest) / max(1, highest - lowest)

    parts = []
    for power in range(lowest, highest + 1):
        level = y(10**power)
        parts += [
            line([(left, level), (right, level)], "#d0d7de", 1),
            text(left - 8, level + 4, f"{10.0**power:g} ms", "end"),
        ]
    for share in (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999):
        parts += [
            line([(x(share), TOP), (x(share), bottom)], "#d0d7de", 1),
            text(x(share), bottom + 18, f"{100 * share:g} %", "middle"),
        ]
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(line([(x(share), y(value)) for share, value in points], colour, 2.5))
        parts.append(
            f'<rect x="{left + 12}" y="{TOP + 8 + 20 * number}" width="14" height="4" fill="{colour}"/>'
        )
        parts.append(text(left + 32, TOP + 14 + 20 * number, name))
    return picture("Time within which a share of the messages is answered", bottom + 34, parts)


PICTURES = {"compare": bars, "latency": distribution}


def main(arguments: argparse.Namespace) -> int:
    """Draw a picture of each file."""
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for file in arguments.files:
        found = json.loads(file.read_text())
        draw = PICTURES.get(found.get("benchmark"))
        if draw is None:
            print(f"{file}: there is a picture of what compare.py and latency.py write only", file=sys.stderr)
            return 2
        picture = arguments.directory / f"{file.stem}.svg"
        picture.write_text(draw(found["rows"]))
        print(picture)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        help="where the pictures are put, made if need be; default: here",
    )
    sys.exit(main(parser.parse_args()))
