"""The central system in a thread of a program without trio, and a Pykka actor through which the program commands it.

It takes the same settings as ``ocpp-actors serve``, from the environment, and reads what to do, a line each:

    list              who is connected
    restart CP1       restart one charge point
    restart           restart all of them, at the same time
"""

import os
import sys

import pykka

from ocpp_actors import logs
from ocpp_actors.app import CannotStart
from ocpp_actors.charge_point.mailbox import MailboxFull, Outcome
from ocpp_actors.protocol.messages import Reset, ResetType
from ocpp_actors.server.fleet import NotAllowed, NotConnected
from ocpp_actors.settings import SettingsError, load_settings
from ocpp_actors.synchronous import CentralSystemThread

PATIENCE = 60.0


class Depot(pykka.ThreadingActor):
    """The charge points, as the actors of a program see them: through a proxy, each call a future."""

    def __init__(self, central_system: CentralSystemThread) -> None:
        super().__init__()
        self._central_system = central_system

    def connected(self) -> list[str]:
        return self._central_system.connected()

    def restart(self, identity: str) -> Outcome:
        """An actor does one thing at a time, so others wait for this one: it has a deadline."""
        return self._central_system.call(identity, Reset(type=ResetType.SOFT), PATIENCE)

    def restart_all(self) -> dict[str, Outcome]:
        """Commands that are submitted go on at the same time."""
        request = Reset(type=ResetType.SOFT)
        asked = {
            each: self._central_system.submit(each, request) for each in self._central_system.connected()
        }
        return {identity: outcome.result(PATIENCE) for identity, outcome in asked.items()}


def told(outcome: Outcome) -> str:
    return str(outcome.response.status) if outcome.response else f"{outcome.state}: {outcome.description}"


def carry_out(line: str, depot: pykka.ActorProxy[Depot]) -> None:
    match line.split():
        case ["list"]:
            print(*depot.connected().get(timeout=PATIENCE))
        case ["restart", identity]:
            print(identity, told(depot.restart(identity).get(timeout=2 * PATIENCE)))
        case ["restart"]:
            for identity, outcome in depot.restart_all().get(timeout=2 * PATIENCE).items():
                print(identity, told(outcome))
        case _:
            print("list, restart or restart IDENTITY")


def main() -> None:
    try:
        settings = load_settings({}, os.environ)
        logs.configure(settings.log_format, settings.log_level, sys.stderr)
        with CentralSystemThread(settings) as central_system:
            print("charge points connect to", *(f"{url}/IDENTITY" for url in central_system.urls), flush=True)
            actor = Depot.start(central_system)
            try:
                for line in sys.stdin:
                    try:
                        carry_out(line, actor.proxy())
                    except (NotConnected, NotAllowed, MailboxFull, TimeoutError, pykka.Timeout) as error:
                        print(error)
            finally:
                actor.stop(timeout=PATIENCE)
    except (SettingsError, CannotStart) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
