"""Transactions and their ends, each recorded once (OCPP 1.6 §4.8, §4.10)."""

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.charging_profiles import remove_profiles
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, Stray, of, own_transaction, some, stored
from ocpp_actors.ledger.memory.metering import keep_transaction_data, unlink_guessed_data
from ocpp_actors.ledger.memory.reservations import use_reservation
from ocpp_actors.ledger.repetition import same_end


@carry_out.register
def _record_start(request: port.RecordStart, facts: Facts) -> port.Started:
    started = port.Transaction(
        transaction_id=len(facts.transactions) + 1,
        identity=request.identity,
        connector_id=request.connector_id,
        id_tag=request.id_tag,
        meter_start=request.meter_start,
        started_at=request.timestamp,
        start_received_at=request.received_at,
        reservation_id=request.reservation_id,
        meter_stop=None,
        stopped_at=None,
        stop_received_at=None,
        stop_reason=None,
        stop_id_tag=None,
        energy_wh=None,
    )
    transaction_id = facts.unfinished.setdefault(_natural_key(started), started.transaction_id)
    kept = facts.transactions.setdefault(transaction_id, started)
    used = kept is started and use_reservation(request, kept.transaction_id, facts)
    id_tag = request.id_tag.casefold()
    return port.Started(
        transaction_id=kept.transaction_id,
        repeated=kept is not started,
        others_active=sum(
            other is not kept and other.id_tag.casefold() == id_tag for other in _active(facts)
        ),
        reservation_used=used,
    )


@carry_out.register
def _record_stop(request: port.RecordStop, facts: Facts) -> port.Stopped:
    stored(request.transaction_data)  # refused before anything is changed
    own = own_transaction(request.identity, request.transaction_id, facts)
    if own is None:
        return _record_foreign_stop(request, facts)
    keep_transaction_data(request, own, facts)
    if own.stopped_at is None:
        _end(own, request, facts)
        return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated=False)
    guessed = [stray for stray in facts.strays.values() if stray.transaction_id == own.transaction_id]
    if guessed:
        guessed[0].transaction_id = None
        unlink_guessed_data(own.transaction_id, facts)
        _end(own, request, facts)
        return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated=False)
    if same_end(request, own.meter_stop, own.stopped_at, own.stop_reason, own.stop_id_tag):
        return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated=True)
    _, repeated = _keep_stray(request, facts)
    return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated, conflicting=True)


def _record_foreign_stop(request: port.RecordStop, facts: Facts) -> port.Stopped:
    stray, repeated = _keep_stray(request, facts)
    if not repeated:
        fits = [transaction for transaction in _active(facts) if _fits(request, transaction)]
        only = fits[0] if len(fits) == 1 else None
        if only is not None:
            stray.transaction_id = only.transaction_id
            _end(only, request, facts)
        keep_transaction_data(request, only, facts)
    match = port.StopMatch.ORPHAN if stray.transaction_id is None else port.StopMatch.GUESSED
    return port.Stopped(match, stray.transaction_id, repeated)


def _keep_stray(stop: port.RecordStop, facts: Facts) -> tuple[Stray, bool]:
    """Keep a stop by itself; also tells whether it is a repetition."""
    key = (
        stop.identity.casefold(),
        stop.transaction_id,
        (stop.id_tag or "").casefold(),
        stop.meter_stop,
        stop.timestamp,
        stop.reason,
    )
    repeated = key in facts.strays
    return facts.strays.setdefault(key, Stray(stop)), repeated


def _end(transaction: port.Transaction, stop: port.RecordStop, facts: Facts) -> None:
    if transaction.stopped_at is None:
        del facts.unfinished[_natural_key(transaction)]
        remove_profiles(transaction, facts)
    facts.transactions[transaction.transaction_id] = evolve(
        transaction,
        meter_stop=stop.meter_stop,
        stopped_at=stop.timestamp,
        stop_received_at=stop.received_at,
        stop_reason=stop.reason,
        stop_id_tag=stop.id_tag,
        energy_wh=float(stop.meter_stop - transaction.meter_start),
    )


def _active(facts: Facts) -> list[port.Transaction]:
    return [facts.transactions[transaction_id] for transaction_id in facts.unfinished.values()]


@carry_out.register
def _find(request: port.FindTransaction, facts: Facts) -> port.Transaction | None:
    transaction = facts.transactions.get(request.transaction_id)
    return None if transaction is None else _with_energy(transaction, facts)


@carry_out.register
def _list(request: port.ListTransactions, facts: Facts) -> list[port.Transaction]:
    found = some(
        reversed(facts.transactions.values()),
        request.limit,
        lambda transaction: (
            of(request.identity, transaction.identity)
            and of(request.id_tag, transaction.id_tag)
            and request.active in (None, transaction.stopped_at is None)
            and (request.before is None or transaction.transaction_id < request.before)
        ),
    )
    return [_with_energy(transaction, facts) for transaction in found]


@carry_out.register
def _list_orphans(request: port.ListOrphanStops, facts: Facts) -> list[port.OrphanStop]:
    strays = some(
        facts.strays.values(),
        request.limit,
        lambda stray: stray.transaction_id is None and of(request.identity, stray.stop.identity),
    )
    return [
        port.OrphanStop(
            identity=stray.stop.identity,
            transaction_id=stray.stop.transaction_id,
            id_tag=stray.stop.id_tag,
            meter_stop=stray.stop.meter_stop,
            timestamp=stray.stop.timestamp,
            reason=stray.stop.reason,
            received_at=stray.stop.received_at,
        )
        for stray in strays
    ]


def _with_energy(transaction: port.Transaction, facts: Facts) -> port.Transaction:
    register = facts.registers.get(transaction.transaction_id)
    if register is None or transaction.stopped_at is not None:
        return transaction
    return evolve(transaction, energy_wh=register[1] - transaction.meter_start)


def _natural_key(transaction: port.Transaction) -> tuple[object, ...]:
    return (
        transaction.identity.casefold(),
        transaction.connector_id,
        transaction.id_tag.casefold(),
        transaction.started_at,
        transaction.meter_start,
    )


def _fits(stop: port.RecordStop, transaction: port.Transaction) -> bool:
    return (
        transaction.identity.casefold() == stop.identity.casefold()
        and transaction.started_at <= stop.timestamp
        and transaction.meter_start <= stop.meter_stop
        and stop.id_tag is not None
        and stop.id_tag.casefold() == transaction.id_tag.casefold()
    )
