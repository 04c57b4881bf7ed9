"""Puts the operator's side together: what it subscribes to, what runs for it, where it listens."""

import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
import trio

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.ledger.message_log import MessageLog
from ocpp_actors.observer import MeterValuesRecorded, TransactionStopped
from ocpp_actors.operator.calls import Calls
from ocpp_actors.operator.event_data import DEFAULT_EVENTS
from ocpp_actors.operator.events import Feed
from ocpp_actors.operator.health import Health, LoopLag
from ocpp_actors.operator.http.application import create_application
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.serving import MAX_CONNECTIONS, HttpServer
from ocpp_actors.operator.live import Live
from ocpp_actors.operator.metrics import Metrics
from ocpp_actors.operator.upgrade import Upgrades
from ocpp_actors.operator.webhooks import Webhooks
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.settings import Settings

log = structlog.get_logger(__name__)

RESTART_PAUSE: Final = 1.0
"""Seconds before a part that failed is begun again."""


@asynccontextmanager
async def operators_side(
    settings: Settings,
    central_system: CentralSystem,
    fleet: Fleet,
    message_log: MessageLog,
    metrics: Metrics,
    listening: Callable[[], bool],
    charge_point_urls: tuple[str, ...],
    listeners: Sequence[trio.SocketListener],
    root: str | None = None,
) -> AsyncIterator[Desk]:
    """Run webhooks, and the API on these listeners if there are any, for as long as the block lasts.

    ``listening`` tells whether charge points can connect, ``charge_point_urls`` where, without identity. ``root`` is
    the root certificate of the server's own (PEM), for charge points that move to TLS. At the end streams are closed
    and answers that are on their way get a moment.

    Raises UnusableWebhook: the settings of the webhook cannot be used.
    """
    observer, clock, epoch = central_system.observer, central_system.clock, secrets.token_hex(4)
    feed, lag = Feed(epoch, max_clients=MAX_CONNECTIONS // 2), LoopLag(metrics.on_lag)
    live = Live(clock, fleet.is_online)
    calls = Calls(fleet, central_system, settings.call_timeout)
    desk = Desk(
        ledger=central_system.ledger,
        fleet=fleet,
        calls=calls,
        upgrades=Upgrades(
            fleet,
            calls,
            central_system,
            tls=settings.tls_port is not None or bool(settings.trusted_proxies),
            client_certificates=settings.tls_port is not None and settings.tls_client_ca is not None,
            root=root,
        ),
        clock=clock,
        message_log=message_log,
        feed=feed,
        live=live,
        metrics=metrics,
        health=Health(central_system.ledger, lag, clock, listening=listening, testing=settings.testing),
        started_at=clock.now(),
        charge_point_urls=charge_point_urls,
        keys=central_system.keys,
        api_token=settings.api_token,
        allowed_hosts=settings.allowed_hosts,
        trusted_proxies=settings.trusted_proxies,
        testing=settings.testing,
        ledger_patience=settings.ledger_patience,
    )
    metrics.watch_events(observer)
    metrics.watch_fleet(fleet)
    metrics.watch_ledger(central_system.ledger)
    metrics.watch_message_log(message_log)
    async with trio.open_nursery() as nursery:
        if settings.webhook_url is not None and settings.webhook_secret is not None:
            webhooks = Webhooks(
                settings.webhook_url,
                settings.webhook_secret,
                epoch=epoch,
                clock=clock,
                chance=random.random,
                on_delivery=metrics.on_delivery,
            )
            observer.subscribe(webhooks, *DEFAULT_EVENTS)
            metrics.watch_webhooks(webhooks)
            nursery.start_soon(_keep_running, "webhook", webhooks.run)
        if listeners:
            feed.follow(observer)
            observer.subscribe(live, MeterValuesRecorded, TransactionStopped)
            metrics.watch_feed(feed)
            metrics.watch_live(live)
            nursery.start_soon(_keep_running, "loop lag", lag.run)
            async with _serving(desk, feed, listeners):
                yield desk
        else:
            yield desk
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _serving(desk: Desk, feed: Feed, listeners: Sequence[trio.SocketListener]) -> AsyncIterator[None]:
    server = HttpServer(create_application(desk), desk.ending)

    async def serve() -> None:
        try:
            await server.run(listeners)
        except Exception:
            log.exception("the API has failed; charge points are served on")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)  # noqa: ASYNC113, the listeners listen already
        try:
            yield
        finally:
            feed.close()
            server.shut_down()


async def _keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run a part of the operator's side; what it raises must not reach the charge points, so it is begun again."""
    while True:
        try:
            return await run()
        except Exception:
            log.exception("a part of the operator's side failed and is begun again", part=name)
        await trio.sleep(RESTART_PAUSE)
