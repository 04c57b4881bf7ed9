"""Charge points, their connectors, and the notes about them."""

from collections import Counter
from datetime import datetime

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.commands import lose_commands
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, after, check_version, stored
from ocpp_actors.ledger.searching import charge_point_text


@carry_out.register
def _find(request: port.FindChargePoint, facts: Facts) -> port.ChargePointRecord | None:
    record = facts.charge_points.get(request.identity.casefold())
    return None if record is None else _copy(record)


@carry_out.register
def _list(request: port.ListChargePoints, facts: Facts) -> list[port.ChargePointRecord]:
    search = (request.search or "").casefold()
    records = after(
        facts.charge_points,
        request.after.casefold(),
        request.limit,
        lambda record: (
            search in charge_point_text(record.identity, record.boot)
            and request.registration in (None, record.registration)
            and request.faulted in (None, record.faulted)
        ),
    )
    return [_copy(record) for record in records]


@carry_out.register
def _count(_request: port.CountAll, facts: Facts) -> port.Totals:
    records = facts.charge_points.values()
    return port.Totals(
        charge_points=len(records),
        active_transactions=dict(
            Counter(
                facts.transactions[transaction_id].identity.casefold()
                for transaction_id in facts.unfinished.values()
            )
        ),
        connectors=dict(
            Counter(
                str(connector.status)
                for record in records
                for connector in record.connectors.values()
                if connector.connector_id
            )
        ),
        faulted=sum(record.faulted for record in records),
    )


@carry_out.register
def _admit(request: port.AdmitChargePoint, facts: Facts) -> port.ChargePointRecord:
    record = facts.charge_points.setdefault(
        request.identity.casefold(), port.ChargePointRecord(identity=request.identity)
    )
    if record.first_seen_at is None:
        _see(record, request.at)
    return _copy(record)


@carry_out.register
def _record_boot(request: port.RecordBoot, facts: Facts) -> None:
    boot = stored(request.boot)
    _admit(port.AdmitChargePoint(request.identity, request.at), facts)
    record = facts.charge_points[request.identity.casefold()]
    record.registration, record.boot, record.booted_at = request.registration, boot, request.at
    _see(record, request.at)


@carry_out.register
def _set_registration(request: port.SetRegistration, facts: Facts) -> None:
    record = _known(request.identity, facts)
    record.registration, record.version = request.registration, record.version + 1


@carry_out.register
def _set_settings(request: port.SetChargePointSettings, facts: Facts) -> None:
    record = _known(request.identity, facts)
    record.settings, record.version = request.settings, record.version + 1


@carry_out.register
def _set_key(request: port.SetKey, facts: Facts) -> None:
    record = _known(request.identity, facts)
    record.key, record.next_keys = request.key, request.next_keys


@carry_out.register
def _set_next_keys(request: port.SetNextKeys, facts: Facts) -> None:
    record = _known(request.identity, facts)
    record.next_keys = tuple(key for key in request.keys if key != record.key)


@carry_out.register
def _put(request: port.PutChargePoint, facts: Facts) -> port.ChargePointRecord:
    key = request.identity.casefold()
    version = check_version(facts.charge_points.get(key), request.expected_version)
    record = facts.charge_points.setdefault(key, port.ChargePointRecord(identity=request.identity))
    record.registration = request.registration or record.registration
    record.settings, record.version = request.settings, version + 1
    return _copy(record)


@carry_out.register
def _remove(request: port.RemoveChargePoint, facts: Facts) -> bool:
    key = request.identity.casefold()
    check_version(facts.charge_points.get(key), request.expected_version)
    if facts.charge_points.pop(key, None) is None:
        return False
    for belongings in (facts.configuration, facts.local_lists, facts.installed_profiles):
        belongings.pop(key, None)
    lose_commands(request.identity, request.at, facts)
    return True


def _known(identity: str, facts: Facts) -> port.ChargePointRecord:
    record = facts.charge_points.get(identity.casefold())
    if record is None:
        raise port.RequestFailed(f"the charge point {identity!r} is unknown")
    return record


@carry_out.register
def _note_seen(note: port.NoteSeen, facts: Facts) -> None:
    record = facts.charge_points.get(note.identity.casefold())
    if record is not None:
        _see(record, note.at)


def _see(record: port.ChargePointRecord, at: datetime) -> None:
    if record.first_seen_at is None:
        record.first_seen_at = at
    if record.last_seen_at is None or record.last_seen_at < at:
        record.last_seen_at = at


@carry_out.register
def _note_boot(note: port.NoteBoot, facts: Facts) -> None:
    record = facts.charge_points.get(note.identity.casefold())
    if record is not None and (record.booted_at is None or record.booted_at < note.at):
        record.booted_at = note.at
    _note_seen(port.NoteSeen(note.identity, note.at), facts)


@carry_out.register
def _note_connector(note: port.NoteConnector, facts: Facts) -> None:
    record = facts.charge_points.get(note.identity.casefold())
    if record is not None:
        record.connectors[note.connector.connector_id] = note.connector


@carry_out.register
def _note_progress(note: port.NoteProgress, facts: Facts) -> None:
    record = facts.charge_points.get(note.identity.casefold())
    if record is not None:
        record.progress[note.kind] = note.status


@carry_out.register
def _notes(request: port.Notes, facts: Facts) -> None:
    for note in request.notes:
        carry_out(note, facts)


def _copy(record: port.ChargePointRecord) -> port.ChargePointRecord:
    return evolve(
        record,
        boot=stored(record.boot),
        connectors=dict(record.connectors),
        progress=dict(record.progress),
    )
