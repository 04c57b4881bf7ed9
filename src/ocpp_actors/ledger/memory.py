"""A ledger in memory: the same answers without a thread, for tests in virtual time."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import singledispatchmethod
from itertools import islice
from typing import Any, TypeVar

import orjson
import trio
from attrs import define, evolve, field

from ocpp_actors.ledger import port
from ocpp_actors.ledger.masking import mask_document
from ocpp_actors.ledger.repetition import same_end, transaction_data_hash
from ocpp_actors.ledger.samples import METER_VALUES, TRANSACTION_DATA
from ocpp_actors.ledger.texts import without_nul

R = TypeVar("R")
T = TypeVar("T")


@define
class _Stray:
    """A stop kept by itself; ``transaction_id``: of the transaction that it ended by a guess."""

    stop: port.RecordStop
    transaction_id: int | None = None


@define
class MemoryLedger:
    """Implements ``Ledger``. Nothing outlives it; ``ask`` is one checkpoint long and ``note`` acts at once."""

    _charge_points: dict[str, port.ChargePointRecord] = field(factory=dict, init=False)
    _id_tags: dict[str, port.IdTag] = field(factory=dict, init=False)
    _transactions: dict[int, port.Transaction] = field(factory=dict, init=False)
    _unfinished: dict[tuple[object, ...], int] = field(factory=dict, init=False)
    _strays: dict[tuple[object, ...], _Stray] = field(factory=dict, init=False)
    _meter_values: dict[tuple[str, bytes], port.MeterValuesRecord] = field(factory=dict, init=False)
    _registers_at: dict[int, datetime] = field(factory=dict, init=False)
    """When the register was read that the energy of a transaction comes from."""
    _security_events: list[port.SecurityEvent] = field(factory=list, init=False)
    _signing_requests: list[port.RecordSigningRequest] = field(factory=list, init=False)
    _commands: dict[int, port.CommandRecord] = field(factory=dict, init=False)

    async def ask(self, request: port.Request[R]) -> R:
        """Carry out a request.

        Raises port.RequestFailed: it cannot be carried out.
        """
        await trio.lowlevel.checkpoint()
        answer: R = self.carry_out(request)
        return answer

    def note(self, request: port.Note) -> None:
        """Keep a fact; of an unknown charge point nothing is kept."""
        self.carry_out(request)

    def carry_out(self, request: object) -> Any:
        """Carry out a request or a note, at once."""
        return self._carry_out(without_nul(request))

    @singledispatchmethod
    def _carry_out(self, request: object) -> Any:
        raise TypeError(f"{type(request).__name__} is nothing that a ledger can be asked")

    # --- charge points ---

    @_carry_out.register
    def _find_charge_point(self, request: port.FindChargePoint) -> port.ChargePointRecord | None:
        record = self._charge_points.get(request.identity.casefold())
        return None if record is None else _copy(record)

    @_carry_out.register
    def _list_charge_points(self, request: port.ListChargePoints) -> list[port.ChargePointRecord]:
        records = _after(self._charge_points, request.after, request.limit)
        return [_copy(record) for record in records]

    @_carry_out.register
    def _admit(self, request: port.AdmitChargePoint) -> port.ChargePointRecord:
        record = port.ChargePointRecord(
            identity=request.identity, first_seen_at=request.at, last_seen_at=request.at
        )
        return _copy(self._charge_points.setdefault(request.identity.casefold(), record))

    @_carry_out.register
    def _record_boot(self, request: port.RecordBoot) -> None:
        boot = _stored(request.boot)
        self._admit(port.AdmitChargePoint(request.identity, request.at))
        record = self._charge_points[request.identity.casefold()]
        record.registration, record.boot, record.booted_at = request.registration, boot, request.at
        self._note_seen(port.NoteSeen(request.identity, request.at))

    @_carry_out.register
    def _set_registration(self, request: port.SetRegistration) -> None:
        self._known(request.identity).registration = request.registration

    @_carry_out.register
    def _set_settings(self, request: port.SetChargePointSettings) -> None:
        self._known(request.identity).settings = request.settings

    @_carry_out.register
    def _set_key(self, request: port.SetKey) -> None:
        self._known(request.identity).key = request.key

    def _known(self, identity: str) -> port.ChargePointRecord:
        record = self._charge_points.get(identity.casefold())
        if record is None:
            raise port.RequestFailed(f"the charge point {identity!r} is unknown")
        return record

    @_carry_out.register
    def _note_seen(self, note: port.NoteSeen) -> None:
        record = self._charge_points.get(note.identity.casefold())
        if record is not None and (record.last_seen_at is None or record.last_seen_at < note.at):
            record.last_seen_at = note.at

    @_carry_out.register
    def _note_boot(self, note: port.NoteBoot) -> None:
        record = self._charge_points.get(note.identity.casefold())
        if record is not None and (record.booted_at is None or record.booted_at < note.at):
            record.booted_at = note.at
        self._note_seen(port.NoteSeen(note.identity, note.at))

    @_carry_out.register
    def _note_connector(self, note: port.NoteConnector) -> None:
        record = self._charge_points.get(note.identity.casefold())
        if record is not None:
            record.connectors[note.connector.connector_id] = note.connector

    @_carry_out.register
    def _note_progress(self, note: port.NoteProgress) -> None:
        record = self._charge_points.get(note.identity.casefold())
        if record is not None:
            record.progress[note.kind] = note.status

    # --- id tags ---

    @_carry_out.register
    def _find_id_tag(self, request: port.FindIdTag) -> port.IdTag | None:
        return self._id_tags.get(request.id_tag.casefold())

    @_carry_out.register
    def _put_id_tag(self, request: port.PutIdTag) -> None:
        self._id_tags[request.id_tag.id_tag.casefold()] = request.id_tag

    @_carry_out.register
    def _remove_id_tag(self, request: port.RemoveIdTag) -> bool:
        return self._id_tags.pop(request.id_tag.casefold(), None) is not None

    @_carry_out.register
    def _list_id_tags(self, request: port.ListIdTags) -> list[port.IdTag]:
        return _after(self._id_tags, request.after, request.limit)

    # --- transactions ---

    @_carry_out.register
    def _record_start(self, request: port.RecordStart) -> port.Started:
        started = port.Transaction(
            transaction_id=len(self._transactions) + 1,
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
        transaction_id = self._unfinished.setdefault(_natural_key(started), started.transaction_id)
        kept = self._transactions.setdefault(transaction_id, started)
        id_tag = request.id_tag.casefold()
        return port.Started(
            transaction_id=kept.transaction_id,
            repeated=kept is not started,
            others_active=sum(
                other is not kept and other.id_tag.casefold() == id_tag for other in self._active()
            ),
        )

    @_carry_out.register
    def _record_stop(self, request: port.RecordStop) -> port.Stopped:
        _stored(request.transaction_data)  # refused before anything is changed
        own = self._own(request.identity, request.transaction_id)
        if own is None:
            return self._record_foreign_stop(request)
        self._keep_transaction_data(request, own)
        if own.stopped_at is None:
            self._end(own, request)
            return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated=False)
        guessed = [stray for stray in self._strays.values() if stray.transaction_id == own.transaction_id]
        if guessed:
            guessed[0].transaction_id = None
            self._unlink_guessed_data(own.transaction_id)
            self._end(own, request)
            return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated=False)
        if same_end(request, own.meter_stop, own.stopped_at, own.stop_reason, own.stop_id_tag):
            return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated=True)
        _, repeated = self._keep_stray(request)
        return port.Stopped(port.StopMatch.BY_ID, own.transaction_id, repeated, conflicting=True)

    def _record_foreign_stop(self, request: port.RecordStop) -> port.Stopped:
        stray, repeated = self._keep_stray(request)
        if not repeated:
            fits = [transaction for transaction in self._active() if _fits(request, transaction)]
            only = fits[0] if len(fits) == 1 else None
            if only is not None:
                stray.transaction_id = only.transaction_id
                self._end(only, request)
            self._keep_transaction_data(request, only)
        match = port.StopMatch.ORPHAN if stray.transaction_id is None else port.StopMatch.GUESSED
        return port.Stopped(match, stray.transaction_id, repeated)

    def _keep_stray(self, stop: port.RecordStop) -> tuple[_Stray, bool]:
        """Keep a stop by itself; also tells whether it is a repetition."""
        key = (
            stop.identity.casefold(),
            stop.transaction_id,
            (stop.id_tag or "").casefold(),
            stop.meter_stop,
            stop.timestamp,
            stop.reason,
        )
        repeated = key in self._strays
        return self._strays.setdefault(key, _Stray(stop)), repeated

    def _end(self, transaction: port.Transaction, stop: port.RecordStop) -> None:
        if transaction.stopped_at is None:
            del self._unfinished[_natural_key(transaction)]
        self._transactions[transaction.transaction_id] = evolve(
            transaction,
            meter_stop=stop.meter_stop,
            stopped_at=stop.timestamp,
            stop_received_at=stop.received_at,
            stop_reason=stop.reason,
            stop_id_tag=stop.id_tag,
            energy_wh=float(stop.meter_stop - transaction.meter_start),
        )

    def _keep_transaction_data(self, stop: port.RecordStop, transaction: port.Transaction | None) -> None:
        if stop.transaction_data:
            record = port.MeterValuesRecord(
                identity=stop.identity,
                connector_id=transaction.connector_id if transaction else None,
                transaction_id=transaction.transaction_id if transaction else None,
                meter_values=_stored(stop.transaction_data),
                energy_wh=None,
                power_w=None,
                received_at=stop.received_at,
                source=TRANSACTION_DATA,
                sent_transaction_id=stop.transaction_id,
            )
            self._meter_values.setdefault((stop.identity.casefold(), transaction_data_hash(stop)), record)

    def _unlink_guessed_data(self, transaction_id: int) -> None:
        for key, record in self._meter_values.items():
            if (
                record.transaction_id == transaction_id != record.sent_transaction_id
                and record.source == TRANSACTION_DATA
            ):
                self._meter_values[key] = evolve(record, transaction_id=None, connector_id=None)

    def _own(self, identity: str, transaction_id: int | None) -> port.Transaction | None:
        transaction = None if transaction_id is None else self._transactions.get(transaction_id)
        own = transaction is not None and transaction.identity.casefold() == identity.casefold()
        return transaction if own else None

    def _active(self) -> list[port.Transaction]:
        return [self._transactions[transaction_id] for transaction_id in self._unfinished.values()]

    @_carry_out.register
    def _find_transaction(self, request: port.FindTransaction) -> port.Transaction | None:
        return self._transactions.get(request.transaction_id)

    @_carry_out.register
    def _list_transactions(self, request: port.ListTransactions) -> list[port.Transaction]:
        return _some(
            reversed(self._transactions.values()),
            request.limit,
            lambda transaction: (
                _of(request.identity, transaction.identity)
                and _of(request.id_tag, transaction.id_tag)
                and request.active in (None, transaction.stopped_at is None)
                and (request.before is None or transaction.transaction_id < request.before)
            ),
        )

    @_carry_out.register
    def _list_orphan_stops(self, request: port.ListOrphanStops) -> list[port.OrphanStop]:
        strays = _some(
            self._strays.values(),
            request.limit,
            lambda stray: stray.transaction_id is None and _of(request.identity, stray.stop.identity),
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

    # --- meter values ---

    @_carry_out.register
    def _record_meter_values(self, request: port.RecordMeterValues) -> port.MeterValuesKept:
        transaction = self._own(request.identity, request.transaction_id)
        record = port.MeterValuesRecord(
            identity=request.identity,
            connector_id=request.connector_id,
            transaction_id=transaction.transaction_id if transaction else None,
            meter_values=_stored(request.meter_values),
            energy_wh=request.energy_wh,
            power_w=request.power_w,
            received_at=request.received_at,
            source=METER_VALUES,
            sent_transaction_id=request.transaction_id,
        )
        kept = self._meter_values.setdefault((request.identity.casefold(), request.content_hash), record)
        if (
            kept is record
            and transaction
            and transaction.stopped_at is None
            and request.energy_wh is not None
            and self._is_newest_register(transaction.transaction_id, request.energy_at or request.received_at)
        ):
            self._transactions[transaction.transaction_id] = evolve(
                transaction, energy_wh=request.energy_wh - transaction.meter_start
            )
        return port.MeterValuesKept(repeated=kept is not record, linked=kept.transaction_id is not None)

    def _is_newest_register(self, transaction_id: int, read_at: datetime) -> bool:
        newest = read_at >= self._registers_at.get(transaction_id, read_at)
        if newest:
            self._registers_at[transaction_id] = read_at
        return newest

    @_carry_out.register
    def _list_meter_values(self, request: port.ListMeterValues) -> list[port.MeterValuesRecord]:
        records = _some(
            self._meter_values.values(),
            request.limit,
            lambda record: (
                request.transaction_id in (None, record.transaction_id)
                and _of(request.identity, record.identity)
            ),
        )
        return [evolve(record, meter_values=_stored(record.meter_values)) for record in records]

    # --- security extension ---

    @_carry_out.register
    def _record_security_event(self, request: port.RecordSecurityEvent) -> None:
        self._security_events.append(request.event)

    @_carry_out.register
    def _list_security_events(self, request: port.ListSecurityEvents) -> list[port.SecurityEvent]:
        return _some(
            self._security_events, request.limit, lambda event: _of(request.identity, event.identity)
        )

    @_carry_out.register
    def _record_signing_request(self, request: port.RecordSigningRequest) -> int:
        self._signing_requests.append(request)
        return len(self._signing_requests)

    # --- durable commands ---

    @_carry_out.register
    def _queue_command(self, request: port.QueueCommand) -> int:
        command = port.CommandRecord(
            command_id=len(self._commands) + 1,
            identity=request.identity,
            action=request.action,
            payload=_stored(request.payload),
            queued_at=request.queued_at,
            expires_at=request.expires_at,
            state=port.CommandState.WAITING,
            requested_by=request.requested_by,
        )
        self._commands[command.command_id] = command
        return command.command_id

    @_carry_out.register
    def _mark_command_sent(self, request: port.MarkCommandSent) -> bool:
        command = self._commands.get(request.command_id)
        if command is None or command.state is not port.CommandState.WAITING:
            return False
        self._commands[command.command_id] = evolve(
            command, state=port.CommandState.SENT, message_id=request.message_id, sent_at=request.at
        )
        return True

    @_carry_out.register
    def _end_command(self, request: port.EndCommand) -> None:
        command = self._commands.get(request.command_id)
        if command is not None and command.state in (port.CommandState.WAITING, port.CommandState.SENT):
            self._commands[command.command_id] = evolve(
                command,
                payload=mask_document(command.payload),
                state=request.state,
                detail=mask_document(_stored(request.detail)),
                ended_at=request.at,
            )

    @_carry_out.register
    def _abandon_sent_commands(self, request: port.AbandonSentCommands) -> int:
        sent = [command for command in self._commands.values() if command.state is port.CommandState.SENT]
        for command in sent:
            self._commands[command.command_id] = evolve(
                command,
                payload=mask_document(command.payload),
                state=port.CommandState.UNKNOWN,
                ended_at=request.at,
            )
        return len(sent)

    @_carry_out.register
    def _list_commands(self, request: port.ListCommands) -> list[port.CommandRecord]:
        return [
            _copy_command(command)
            for command in _some(
                self._commands.values(),
                request.limit,
                lambda command: (
                    command.command_id > request.after
                    and request.state in (None, command.state)
                    and _of(request.identity, command.identity)
                ),
            )
        ]

    @_carry_out.register
    def _find_command(self, request: port.FindCommand) -> port.CommandRecord | None:
        command = self._commands.get(request.command_id)
        return None if command is None else _copy_command(command)


def _stored(document: T) -> T:
    """Return the document as a database would give it back, so that nobody shares it.

    Raises port.RequestFailed: it is no JSON.
    """
    try:
        stored: T = orjson.loads(orjson.dumps(document))
    except orjson.JSONEncodeError as error:
        raise port.RequestFailed(f"the content is no JSON: {error}") from None
    return stored


def _copy(record: port.ChargePointRecord) -> port.ChargePointRecord:
    return evolve(
        record,
        boot=_stored(record.boot),
        connectors=dict(record.connectors),
        progress=dict(record.progress),
    )


def _copy_command(command: port.CommandRecord) -> port.CommandRecord:
    return evolve(command, payload=_stored(command.payload), detail=_stored(command.detail))


def _after(records: dict[str, T], after: str, limit: int) -> list[T]:
    return [records[key] for key in sorted(records) if key > after.casefold()][:limit]


def _some(records: Iterable[T], limit: int, wanted: Callable[[T], bool]) -> list[T]:
    return list(islice(filter(wanted, records), limit))


def _of(wanted: str | None, text: str) -> bool:
    return wanted is None or wanted.casefold() == text.casefold()


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
