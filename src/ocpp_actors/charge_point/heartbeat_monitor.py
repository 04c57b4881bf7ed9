"""Is the charge point still there? Any traffic is life; pings provoke some where there is none."""

import math

import structlog
import trio

from ocpp_actors.charge_point.session import Session, SessionOver

log = structlog.get_logger(__name__)


async def run_heartbeat_monitor(session: Session) -> None:
    """Watch over the connection until it is silent for too long.

    A ping is written every ``PING_INTERVAL`` seconds. One without a pong in ``PING_TIMEOUT`` ends the session only if
    this connection has answered a ping before and nothing else came since: some charge points never answer pings.
    For them only ``SILENCE_LIMIT`` counts.

    Raises SessionOver: the charge point is declared offline.
    Raises ConnectionEnded: the connection is over.
    """
    settings, connection = session.settings, session.connection
    ping_interval = settings.ping_interval if session.charge_point.record.settings.pings else 0
    pinged_at: float | None = None
    next_ping = trio.current_time() + ping_interval if ping_interval else math.inf
    while True:
        pong_due = math.inf if pinged_at is None else pinged_at + settings.ping_timeout
        await trio.sleep_until(min(next_ping, pong_due, _silent_at(session)))
        now = trio.current_time()
        if now >= _silent_at(session):
            raise SessionOver(1006, f"nothing received for {settings.silence_limit:g} s", abort=True)
        if pinged_at is not None and connection.last_received >= pinged_at:
            pinged_at = None
        elif now >= pong_due:
            if connection.last_pong is not None:
                raise SessionOver(
                    1006, f"a ping was not answered within {settings.ping_timeout:g} s", abort=True
                )
            pinged_at = None
        if now >= next_ping:
            await session.writer.ping()
            # Each by its own schedule: those that were late together would be together ever after, and more each time.
            next_ping += ping_interval * (1 + (now - next_ping) // ping_interval)
            if pinged_at is None and settings.ping_timeout:
                pinged_at = now


def _silent_at(session: Session) -> float:
    limit = session.settings.silence_limit
    return session.connection.last_received + limit if limit else math.inf
