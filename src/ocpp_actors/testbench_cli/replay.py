"""``ocpp-actors replay``: recorded frames of one charge point against any central system."""

import base64
import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import unquote

import rich_click as click
from attrs import define

from ocpp_actors import logs
from ocpp_actors.testbench_cli.reader import reader_has_left

if TYPE_CHECKING:
    from ocpp_actors.testbench.replay.player import Happening

TIMEOUT: Final = 30.0


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--url",
    required=True,
    metavar="URL",
    help="Where charge points connect: ws://HOST:PORT/PATH or wss://…, without the identity.",
)
@click.option(
    "--charge-point", metavar="IDENTITY", help="Whose frames, where several charge points are in FILE."
)
@click.option("--identity", metavar="IDENTITY", help="Under which identity; by default the recorded one.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="N",
    help="1: at the recorded pace, 2: twice as fast; by default as fast as answers come.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT,
    metavar="SECONDS",
    help=f"How long a connection and an answer are waited for; {TIMEOUT:g} by default.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="PATH",
    help="What may differ, such as BootNotification.interval or Authorize.idTagInfo.expiryDate.",
)
@click.option("--header", "headers", multiple=True, metavar="HEADER", help="Of the handshake: 'Name: value'.")
@click.option("--user", metavar="NAME", help="User name of the credentials; by default the identity.")
@click.option(
    "--password-file",
    type=click.File("rb"),
    metavar="FILE",
    help="The file that holds their password, or key.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each message that was sent or came.")
def replay(
    file: BinaryIO,
    url: str,
    charge_point: str | None,
    identity: str | None,
    speed: float,
    timeout: float,
    ignore: tuple[str, ...],
    headers: tuple[str, ...],
    user: str | None,
    password_file: BinaryIO | None,
    as_json: bool,
) -> int:
    """Play what a charge point said against a central system, and compare the answers with the recorded ones.

    FILE (- is the standard input) is a message log: JSON lines, such as GET /messages exports and messages --json
    prints, or the SQLite file that is made by default. CALLs are sent one after the other. The time of day and the ids
    of transactions may differ; everything else that does is told. Ends with 1 if anything differs.

    \b
    Examples:
      ocpp-actors replay messages.jsonl --url ws://127.0.0.1:9000/ocpp
      ocpp-actors replay ocpp-actors-messages.db --charge-point CP1 --url wss://csms.example/ocpp --identity TEST1
      ocpp-actors replay messages.jsonl --url ws://127.0.0.1:9000/ocpp --speed 1 --ignore BootNotification.interval
    """  # noqa: D301
    import trio

    from ocpp_actors.recorded import NotRecorded, recorded_lines
    from ocpp_actors.testbench.client import Refused, Unreachable
    from ocpp_actors.testbench.groups import ungrouped
    from ocpp_actors.testbench.replay.comparison import NothingThere, check_ignored
    from ocpp_actors.testbench.replay.plan import NotReplayable, plan
    from ocpp_actors.testbench.replay.player import How, play
    from ocpp_actors.testbench.target import NotAUrl, target_of

    try:
        planned = plan(recorded_lines(file), charge_point)
        name = identity or planned.charge_point
        if name is None:
            raise click.UsageError("The recording does not name the charge point: give --identity.")
        target = target_of(_without_identity(url, name))
        check_ignored(ignore, planned.answers)
    except (NotRecorded, NotReplayable) as error:
        raise click.BadParameter(f"{file.name}: {error}") from None
    except (NotAUrl, NothingThere) as error:
        raise click.BadParameter(str(error)) from None
    how = How(
        speed=speed,
        timeout=timeout,
        headers=(*map(_header, headers), *_credentials(user or name, password_file)),
        ignored=frozenset(ignore),
    )
    teller = Teller(as_json)
    try:
        with ungrouped():
            trio.run(play, planned, target, name, how, teller)
    except BrokenPipeError:
        reader_has_left()
    except (Refused, Unreachable) as error:
        raise click.ClickException(str(error)) from None
    return teller.end()


def _without_identity(url: str, identity: str) -> str:
    """Take the identity off the end of a URL, if it is there."""
    base, slash, last = url.rstrip("/").rpartition("/")
    return base if slash and unquote(last).casefold() == identity.casefold() else url


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not (text.isascii() and text.isprintable()):
        raise click.BadParameter(f"--header {text!r} is not of the form 'Name: value'")
    return name.strip().encode(), value.strip().encode()


def _credentials(user: str, password_file: BinaryIO | None) -> list[tuple[bytes, bytes]]:
    if password_file is None:
        return []
    password = password_file.read().rstrip(b"\r\n")
    return [(b"Authorization", b"Basic " + base64.b64encode(user.encode() + b":" + password))]


@define
class Teller:
    """Prints what happens, and keeps count of it."""

    as_json: bool
    same: int = 0
    different: int = 0
    unjudged: int = 0
    asked: int = 0
    odd: int = 0
    """What happened beside the answers and should not have."""

    def __call__(self, happening: "Happening") -> None:
        """Print what happened."""
        self._count(happening)
        if self.as_json:
            click.echo(json.dumps(_document(happening)))
        else:
            for line in _lines(happening):
                click.echo(logs.printable(line))

    def _count(self, happening: "Happening") -> None:
        from ocpp_actors.testbench.replay.player import Asked, Played

        match happening:
            case Played(verdict="same"):
                self.same += 1
            case Played(verdict="different"):
                self.different += 1
            case Played():
                self.unjudged += 1
            case Asked():
                self.asked += 1
            case _:
                self.odd += 1

    def end(self) -> int:
        """Tell the sum and return the exit status."""
        if not self.as_json:
            told = [f"{self.same} the same", f"{self.different} different"]
            told += [f"{self.unjudged} without a recorded answer"] if self.unjudged else []
            told += [f"{self.asked} asked by the central system"] if self.asked else []
            click.echo(", ".join(told))
        return 1 if self.different or self.odd else 0


def _lines(happening: "Happening") -> list[str]:
    from ocpp_actors.testbench.replay.comparison import summary
    from ocpp_actors.testbench.replay.player import Asked, Ended, Lost, Played, Stray

    match happening:
        case Played(step=step):
            what = " ".join(part for part in (step.action or "no CALL", step.message_id) if part)
            begin = f"{step.line}: {what}: "
            if happening.verdict == "same":
                return [begin + "same"]
            if happening.verdict == "unjudged":
                found = "no answer" if happening.found is None else summary(happening.found)
                return [f"{begin}no recorded answer, got {found}"]
            return [begin + each.as_text() for each in happening.differences]
        case Asked(call=call, reply=reply):
            how = (
                "NotSupported, no answer to it was recorded"
                if reply is None
                else f"as recorded, {summary(reply)}"
            )
            return [f"-: the central system asks {call.action}; answered {how}"]
        case Stray(text=text):
            return [f"-: an answer that nothing waits for: {text}"]
        case Lost(reason=reason):
            return [f"-: {reason}; connecting again"]
        case Ended(reason=reason, left=left):
            return [f"-: {reason}; {left} messages were not sent"]


def _document(happening: "Happening") -> dict[str, Any]:
    from ocpp_actors.testbench.replay.comparison import summary
    from ocpp_actors.testbench.replay.player import Asked, Ended, Lost, Played, Stray

    match happening:
        case Played(step=step):
            return {
                "line": step.line,
                "action": step.action,
                "messageId": step.message_id,
                "verdict": happening.verdict,
                "recorded": None if step.answer is None else summary(step.answer),
                "found": None if happening.found is None else summary(happening.found),
                "differences": [each.as_json() for each in happening.differences],
                "seconds": round(happening.seconds, 6),
            }
        case Asked(call=call, reply=reply):
            answered = None if reply is None else summary(reply)
            return {"asked": call.action, "payload": call.payload, "answered": answered}
        case Stray(text=text):
            return {"unexpected": text}
        case Lost(reason=reason):
            return {"lost": reason}
        case Ended(reason=reason, left=left):
            return {"ended": reason, "notSent": left}
