"""Charge points as they are shown: what the ledger knows, and what is newer in memory."""

from typing import Any, Final

import attrs

from ocpp_actors.charge_point.misbehaviour import Kind
from ocpp_actors.ledger.port import ChargePointRecord, ChargePointSettings, ListChargePoints
from ocpp_actors.ledger.searching import charge_point_text
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import (
    AppliedRule,
    ChargePointModel,
    ChargePointsQuery,
    ConnectorModel,
    SettingsChange,
    SettingsModel,
)
from ocpp_actors.server.fleet import Entry

SCANNED: Final = 10_000
"""Charge points that are looked at for one page; after them the page ends, full or not."""

AT_ONCE: Final = 1000

TAKEN: Final = {
    Kind.DELAY: ("seconds",),
    Kind.STALL: ("seconds",),
    Kind.CALL_ERROR: ("error_code",),
    Kind.CLOSE: ("close_code",),
}
"""What a rule of misbehaviour of a kind may say beside what all may."""


def charge_point_model(desk: Desk, kept: ChargePointRecord) -> ChargePointModel:
    """Return a charge point as it is shown; ``kept`` is what the ledger knows of it."""
    entry = desk.fleet.find(kept.identity)
    session = entry.session if entry is not None else None
    newest = entry.charge_point.record if entry is not None else kept
    boot = newest.boot or {}
    return ChargePointModel(
        identity=kept.identity,
        online=session is not None,
        registration=newest.registration,
        vendor=_text(boot, "chargePointVendor"),
        model=_text(boot, "chargePointModel"),
        serial_number=_text(boot, "chargePointSerialNumber"),
        charge_box_serial_number=_text(boot, "chargeBoxSerialNumber"),
        firmware_version=_text(boot, "firmwareVersion"),
        iccid=_text(boot, "iccid"),
        imsi=_text(boot, "imsi"),
        meter_type=_text(boot, "meterType"),
        meter_serial_number=_text(boot, "meterSerialNumber"),
        connectors=[
            ConnectorModel(
                connector_id=connector.connector_id,
                status=connector.status,
                error_code=connector.error_code,
                info=connector.info,
                vendor_id=connector.vendor_id,
                vendor_error_code=connector.vendor_error_code,
                timestamp=connector.timestamp,
                received_at=connector.received_at,
            )
            for _, connector in sorted(newest.connectors.items())
        ],
        first_seen=kept.first_seen_at,
        last_seen=(
            kept.last_seen_at if session is None else session.time_of(session.connection.last_received)
        ),
        booted_at=newest.booted_at,
        connected_since=None if session is None else session.connected_at,
        remote=None if session is None else session.remote,
        security_profile=None if session is None else session.security_profile,
        settings=settings_model(newest.settings),
        has_key=kept.key is not None,
        has_next_key=bool(kept.next_keys),
        progress=dict(newest.progress),
        waiting_calls=0 if entry is None else len(entry.mailbox),
        power_w=desk.live.power_of(kept.identity),
        misbehaviour=applied_rules(entry),
        version=kept.version,
    )


def applied_rules(entry: Entry | None) -> list[AppliedRule]:
    """Return how answers to a charge point are broken on purpose, as it is shown; what a kind does not take is null."""
    if entry is None or entry.misbehaviour is None:
        return []
    return [
        AppliedRule(
            kind=rule.kind,
            action=rule.action,
            probability=rule.probability,
            times=rule.times,
            applied=applied,
            **{name: getattr(rule, name) for name in TAKEN.get(rule.kind, ())},
        )
        for rule, applied in zip(entry.misbehaviour.rules, entry.misbehaviour.applied, strict=True)
    ]


def _text(boot: dict[str, Any], name: str) -> str | None:
    value = boot.get(name)
    return None if value is None else str(value)


def settings_model(settings: ChargePointSettings) -> SettingsModel:
    """Return settings as they are shown."""
    return SettingsModel(**attrs.asdict(settings))


def settings_from(model: SettingsModel) -> ChargePointSettings:
    """Return settings as they are kept."""
    return ChargePointSettings(**attrs.asdict(model))


def changed_settings(present: ChargePointSettings, change: SettingsChange) -> ChargePointSettings:
    """Return settings of which some have changed."""
    return attrs.evolve(
        present, **{name: value for name, value in attrs.asdict(change).items() if value is not None}
    )


async def find(
    desk: Desk, query: ChargePointsQuery, after: str
) -> tuple[list[ChargePointRecord], str | None]:
    """Return a page of charge points, and where the next one begins; ``after`` is a casefolded identity."""
    if query.online is None:
        records = await _listed(desk, query, after, query.limit + 1)
    elif query.online:
        records = await _connected(desk, query, after)
    else:
        return await _offline(desk, query, after)
    more = len(records) > query.limit
    records = records[: query.limit]
    return records, records[-1].identity.casefold() if more else None


async def _listed(desk: Desk, query: ChargePointsQuery, after: str, limit: int) -> list[ChargePointRecord]:
    return await desk.ask(
        ListChargePoints(
            after=after,
            limit=limit,
            search=query.search,
            registration=query.registration,
            faulted=query.faulted,
        )
    )


async def _connected(desk: Desk, query: ChargePointsQuery, after: str) -> list[ChargePointRecord]:
    """Few may be connected of very many, so they are looked for in memory."""
    found = [
        session.charge_point.record
        for session in desk.fleet.sessions()
        if session.identity.casefold() > after and matches(session.charge_point.record, query)
    ]
    found.sort(key=lambda record: record.identity.casefold())
    return found[: query.limit + 1]


async def _offline(
    desk: Desk, query: ChargePointsQuery, after: str
) -> tuple[list[ChargePointRecord], str | None]:
    found: list[ChargePointRecord] = []
    for _ in range(SCANNED // AT_ONCE):
        page = await _listed(desk, query, after, AT_ONCE)
        for record in page:
            if not desk.fleet.is_online(record.identity):
                if len(found) == query.limit:
                    return found, found[-1].identity.casefold()
                found.append(record)
        if len(page) < AT_ONCE:
            return found, None
        after = page[-1].identity.casefold()
    return found, after


def matches(record: ChargePointRecord, query: ChargePointsQuery) -> bool:
    """Whether a charge point is one of those that are looked for, as the ledger decides it."""
    if query.registration not in (None, record.registration) or query.faulted not in (None, record.faulted):
        return False
    if query.search is None:
        return True
    return query.search.casefold() in charge_point_text(record.identity, record.boot)
