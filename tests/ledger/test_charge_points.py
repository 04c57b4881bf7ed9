from datetime import timedelta, timezone

import pytest
from attrs import evolve
from tests.ledger.facts import NOON, command, later, notes_written, start, stop

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointSettings,
    CommandState,
    Connector,
    CountAll,
    EndCommand,
    FindChargePoint,
    FindCommand,
    KeyHash,
    Ledger,
    ListChargePoints,
    ListTransactions,
    MarkCommandSent,
    NoteBoot,
    NoteConnector,
    NoteProgress,
    NoteSeen,
    PutChargePoint,
    RecordBoot,
    RemoveChargePoint,
    Request,
    RequestFailed,
    SetChargePointSettings,
    SetKey,
    SetNextKeys,
    SetRegistration,
    Totals,
    VersionConflict,
)
from ocpp_actors.protocol.messages import RegistrationStatus

BOOT = {"chargePointVendor": "Ünïcode", "chargePointModel": "M \u20ac"}


async def test_an_unknown_charge_point_is_none(ledger: Ledger) -> None:
    assert await ledger.ask(FindChargePoint("CP-1")) is None


async def test_admission_creates_a_charge_point_with_strict_settings(ledger: Ledger) -> None:
    record = await ledger.ask(AdmitChargePoint("CP-1", NOON))
    assert record.identity == "CP-1"
    assert record.registration is None
    assert record.settings == ChargePointSettings(lenient=False, pings=True, abort_on_shutdown=False)
    assert (record.first_seen_at, record.last_seen_at) == (NOON, NOON)
    assert (record.key, record.boot, record.connectors, record.progress) == (None, None, {}, {})
    assert await ledger.ask(FindChargePoint("CP-1")) == record


async def test_identities_are_compared_without_regard_to_case_and_keep_their_first_letters(
    ledger: Ledger,
) -> None:
    await ledger.ask(AdmitChargePoint("Straße-1", NOON))
    again = await ledger.ask(AdmitChargePoint("STRASSE-1", later(60)))
    assert (again.identity, again.first_seen_at) == ("Straße-1", NOON)
    found = await ledger.ask(FindChargePoint("strasse-1"))
    assert found is not None
    assert found.identity == "Straße-1"
    assert len(await ledger.ask(ListChargePoints())) == 1


async def test_a_boot_registers_and_creates_the_charge_point(ledger: Ledger) -> None:
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.PENDING, BOOT, NOON))
    record = await ledger.ask(FindChargePoint("cp-1"))
    assert record is not None
    assert (record.registration, record.boot, record.booted_at) == (RegistrationStatus.PENDING, BOOT, NOON)
    assert (record.first_seen_at, record.last_seen_at) == (NOON, NOON)


async def test_a_later_boot_replaces_the_earlier_and_keeps_the_rest(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(SetChargePointSettings("cp-1", ChargePointSettings(lenient=True, pings=False)))
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.PENDING, BOOT, later(1)))
    await ledger.ask(RecordBoot("cp-1", RegistrationStatus.ACCEPTED, {"chargePointModel": "N"}, later(2)))
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert (record.registration, record.boot) == (RegistrationStatus.ACCEPTED, {"chargePointModel": "N"})
    assert (record.first_seen_at, record.booted_at, record.last_seen_at) == (NOON, later(2), later(2))
    assert record.settings == ChargePointSettings(lenient=True, pings=False)


async def test_registration_settings_and_key_are_changed(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(SetRegistration("cp-1", RegistrationStatus.REJECTED))
    await ledger.ask(SetChargePointSettings("cp-1", ChargePointSettings(abort_on_shutdown=True)))
    await ledger.ask(SetKey("cp-1", KeyHash("$sha256$salt$digest")))
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert record.registration is RegistrationStatus.REJECTED
    assert record.settings == ChargePointSettings(abort_on_shutdown=True)
    assert record.key == KeyHash("$sha256$salt$digest")
    await ledger.ask(SetKey("CP-1", None))
    assert await ledger.ask(FindChargePoint("CP-1")) == evolve(record, key=None)


async def test_next_keys_wait_until_one_is_the_key_or_they_are_no_longer_the_next(ledger: Ledger) -> None:
    old, new, newer = (KeyHash(f"$sha256$salt${name}") for name in ("old", "new", "newer"))

    async def keys(*requests: Request[None]) -> tuple[KeyHash | None, tuple[KeyHash, ...]]:
        for each in requests:
            await ledger.ask(each)
        record = await ledger.ask(FindChargePoint("CP-1"))
        assert record is not None
        return record.key, record.next_keys

    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    assert await keys(SetNextKeys("CP-1", (new,))) == (None, (new,))
    assert await keys(SetKey("CP-1", old)) == (old, ())
    assert await keys(SetNextKeys("CP-1", (newer, new))) == (old, (newer, new))
    assert await keys(SetKey("CP-1", newer, (new,))) == (newer, (new,))
    assert await keys(SetNextKeys("CP-1", ())) == (newer, ())
    assert await keys(SetKey("CP-1", new), SetNextKeys("CP-1", (new, newer))) == (new, (newer,))


@pytest.mark.parametrize(
    "request_",
    [
        SetRegistration("CP-1", RegistrationStatus.ACCEPTED),
        SetChargePointSettings("CP-1", ChargePointSettings()),
        SetKey("CP-1", None),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_an_unknown_charge_point_cannot_be_changed(ledger: Ledger, request_: SetKey) -> None:
    with pytest.raises(RequestFailed, match="'CP-1' is unknown"):
        await ledger.ask(request_)


async def test_charge_points_are_listed_in_casefolded_order_by_code_point(ledger: Ledger) -> None:
    for identity in ["b-1", "A_1", "a-1", "B.1", "Ä1", "ä0", "Z"]:
        await ledger.ask(AdmitChargePoint(identity, NOON))
    listed = [record.identity for record in await ledger.ask(ListChargePoints())]
    assert listed == ["a-1", "A_1", "b-1", "B.1", "Z", "ä0", "Ä1"]
    page = await ledger.ask(ListChargePoints(after="A-1", limit=2))
    assert [record.identity for record in page] == ["A_1", "b-1"]


async def test_moments_come_back_in_utc_with_their_microseconds(ledger: Ledger) -> None:
    abroad = NOON.astimezone(timezone(timedelta(hours=-5)))
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.ACCEPTED, BOOT, abroad))
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert record.booted_at == NOON
    assert record.booted_at is not None
    assert record.booted_at.microsecond == 123456


async def test_a_record_is_the_askers_own(ledger: Ledger) -> None:
    record = await ledger.ask(AdmitChargePoint("CP-1", NOON))
    record.registration = RegistrationStatus.ACCEPTED
    record.progress["firmware"] = "Installed"
    found = await ledger.ask(FindChargePoint("CP-1"))
    assert found is not None
    assert (found.registration, found.progress) == (None, {})


CONNECTOR = Connector(1, "Faulted", "OtherError", "über", "vendor", "E42", NOON, later(1))


async def test_notes_are_kept_the_newest_of_each_key(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    ledger.note(NoteSeen("CP-1", later(1)))
    ledger.note(NoteSeen("cp-1", later(5)))
    ledger.note(NoteConnector("CP-1", evolve(CONNECTOR, status="Available")))
    ledger.note(NoteConnector("CP-1", CONNECTOR))
    ledger.note(NoteConnector("CP-1", evolve(CONNECTOR, connector_id=0, timestamp=None, info=None)))
    ledger.note(NoteProgress("CP-1", "firmware", "Downloading", None, later(1)))
    ledger.note(NoteProgress("CP-1", "firmware", "Installed", 7, later(2)))
    ledger.note(NoteProgress("CP-1", "log", "Uploading", 8, later(2)))
    await notes_written(ledger)
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert record.last_seen_at == later(5)
    assert record.connectors == {
        0: evolve(CONNECTOR, connector_id=0, timestamp=None, info=None),
        1: CONNECTOR,
    }
    assert record.progress == {"firmware": "Installed", "log": "Uploading"}


async def test_a_boot_with_nothing_new_moves_the_time_of_the_last_one(ledger: Ledger) -> None:
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.ACCEPTED, BOOT, NOON))
    ledger.note(NoteBoot("cp-1", later(5)))
    ledger.note(NoteBoot("CP-2", later(5)))
    await notes_written(ledger)
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert (record.boot, record.booted_at, record.last_seen_at) == (BOOT, later(5), later(5))
    assert await ledger.ask(FindChargePoint("CP-2")) is None


async def test_a_note_written_late_does_not_turn_back_the_time_of_the_last_message(ledger: Ledger) -> None:
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.ACCEPTED, BOOT, later(10)))
    ledger.note(NoteSeen("CP-1", later(5)))
    await notes_written(ledger)
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert record.last_seen_at == later(10)


async def test_notes_replace_what_was_written_before(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    ledger.note(NoteConnector("CP-1", CONNECTOR))
    await notes_written(ledger)
    ledger.note(NoteConnector("cp-1", evolve(CONNECTOR, status="Available", info=None)))
    await notes_written(ledger)
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert record.connectors == {1: evolve(CONNECTOR, status="Available", info=None)}


async def test_notes_about_an_unknown_charge_point_are_not_kept(ledger: Ledger) -> None:
    ledger.note(NoteSeen("CP-1", NOON))
    ledger.note(NoteConnector("CP-1", CONNECTOR))
    ledger.note(NoteProgress("CP-1", "log", "Idle", None, NOON))
    await notes_written(ledger)
    assert await ledger.ask(FindChargePoint("CP-1")) is None
    assert (await ledger.ask(AdmitChargePoint("CP-1", NOON))).connectors == {}


# --- what an operator decides ----------------------------------------------------------------------------------------


LENIENT = ChargePointSettings(lenient=True)


async def test_an_operator_creates_a_charge_point_before_it_was_ever_seen(ledger: Ledger) -> None:
    record = await ledger.ask(PutChargePoint("CP-1", None, LENIENT, NOON))
    assert (record.identity, record.registration, record.settings) == ("CP-1", None, LENIENT)
    assert (record.version, record.first_seen_at, record.last_seen_at) == (1, None, None)
    assert await ledger.ask(FindChargePoint("cp-1")) == record


@pytest.mark.parametrize(
    "request_",
    [
        AdmitChargePoint("cp-1", later(5)),
        RecordBoot("cp-1", RegistrationStatus.ACCEPTED, BOOT, later(5)),
        NoteSeen("cp-1", later(5)),
    ],
    ids=lambda request: type(request).__name__,
)
async def test_a_charge_point_that_was_prepared_is_first_seen_when_it_comes(
    ledger: Ledger, request_: AdmitChargePoint | NoteSeen
) -> None:
    await ledger.ask(PutChargePoint("CP-1", None, LENIENT, NOON))
    if isinstance(request_, NoteSeen):
        ledger.note(request_)
        await notes_written(ledger)
    else:
        await ledger.ask(request_)
    await ledger.ask(AdmitChargePoint("CP-1", later(9)))
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert (record.identity, record.first_seen_at, record.last_seen_at) == ("CP-1", later(5), later(5))
    assert (record.settings, record.version) == (LENIENT, 1)


async def test_an_operators_decision_changes_registration_and_settings_alone(ledger: Ledger) -> None:
    await ledger.ask(RecordBoot("Cp-1", RegistrationStatus.ACCEPTED, BOOT, NOON))
    ledger.note(NoteConnector("CP-1", CONNECTOR))
    await notes_written(ledger)
    before = await ledger.ask(FindChargePoint("CP-1"))
    assert before is not None
    changed = await ledger.ask(PutChargePoint("CP-1", RegistrationStatus.REJECTED, LENIENT, later(9)))
    assert changed == evolve(
        before, registration=RegistrationStatus.REJECTED, settings=LENIENT, version=before.version + 1
    )
    assert await ledger.ask(FindChargePoint("CP-1")) == changed


async def test_a_decision_that_leaves_out_the_registration_keeps_that_of_the_boot(ledger: Ledger) -> None:
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.PENDING, BOOT, NOON))
    record = await ledger.ask(PutChargePoint("CP-1", None, LENIENT, NOON))
    assert record.registration is RegistrationStatus.PENDING


async def test_the_version_counts_what_operators_change_and_nothing_else(ledger: Ledger) -> None:
    async def version() -> int:
        record = await ledger.ask(FindChargePoint("CP-1"))
        assert record is not None
        return record.version

    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.PENDING, BOOT, NOON))
    await ledger.ask(SetKey("CP-1", None))
    assert await version() == 1
    await ledger.ask(SetRegistration("CP-1", RegistrationStatus.ACCEPTED))
    assert await version() == 2
    await ledger.ask(SetChargePointSettings("CP-1", LENIENT))
    assert await version() == 3
    assert (await ledger.ask(PutChargePoint("CP-1", None, LENIENT, NOON, expected_version=3))).version == 4
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.ACCEPTED, BOOT, later(1)))
    assert await version() == 4


async def test_of_another_version_a_charge_point_is_neither_changed_nor_removed(ledger: Ledger) -> None:
    def put(expected_version: int) -> PutChargePoint:
        return PutChargePoint("cp-1", RegistrationStatus.REJECTED, LENIENT, NOON, expected_version)

    for request in (put(1), RemoveChargePoint("CP-1", NOON, expected_version=1)):
        with pytest.raises(VersionConflict, match="does not exist") as missing:
            await ledger.ask(request)
        assert missing.value.version == 0
    assert await ledger.ask(RemoveChargePoint("CP-1", NOON, expected_version=0)) is False
    await ledger.ask(PutChargePoint("CP-1", None, ChargePointSettings(), NOON, expected_version=0))
    await ledger.ask(SetRegistration("CP-1", RegistrationStatus.ACCEPTED))
    before = await ledger.ask(FindChargePoint("CP-1"))
    for request in (put(0), put(1), put(3), RemoveChargePoint("CP-1", NOON, expected_version=1)):
        with pytest.raises(VersionConflict, match="version 2") as conflict:
            await ledger.ask(request)
        assert conflict.value.version == 2
    assert await ledger.ask(FindChargePoint("CP-1")) == before
    assert await ledger.ask(RemoveChargePoint("cp-1", NOON, expected_version=2)) is True


async def test_a_charge_point_that_is_removed_is_unknown_and_what_it_did_stays(ledger: Ledger) -> None:
    assert await ledger.ask(RemoveChargePoint("CP-1", NOON)) is False
    await ledger.ask(RecordBoot("CP-1", RegistrationStatus.ACCEPTED, BOOT, NOON))
    ledger.note(NoteConnector("CP-1", CONNECTOR))
    ledger.note(NoteProgress("CP-1", "log", "Uploading", 8, NOON))
    await notes_written(ledger)
    await ledger.ask(start())
    assert await ledger.ask(RemoveChargePoint("cp-1", later(5))) is True
    assert await ledger.ask(FindChargePoint("CP-1")) is None
    assert await ledger.ask(RemoveChargePoint("CP-1", later(6))) is False
    assert len(await ledger.ask(ListTransactions(identity="CP-1"))) == 1
    anew = await ledger.ask(AdmitChargePoint("CP-1", later(9)))
    assert (anew.connectors, anew.progress, anew.boot, anew.version) == ({}, {}, None, 1)


async def test_commands_for_a_charge_point_that_is_removed_are_lost(ledger: Ledger) -> None:
    key = {"key": "AuthorizationKey", "value": "0123456789abcdef"}
    for identity in ("CP-1", "CP-2"):
        await ledger.ask(AdmitChargePoint(identity, NOON))
    waiting, sent, ended = [(await ledger.ask(command("CP-1", payload=key))).command_id for _ in range(3)]
    other = (await ledger.ask(command("CP-2"))).command_id
    await ledger.ask(MarkCommandSent(sent, "m", NOON))
    await ledger.ask(EndCommand(ended, CommandState.ANSWERED, {"response": {}}, later(1)))
    await ledger.ask(RemoveChargePoint("cp-1", later(5)))

    async def found(command_id: int) -> tuple[object, ...]:
        record = await ledger.ask(FindCommand(command_id))
        assert record is not None
        return record.state, record.ended_at, record.payload["value"], record.detail

    lost = (CommandState.LOST, later(5), "***", {"reason": "the charge point was removed"})
    assert await found(waiting) == await found(sent) == lost
    assert await found(ended) == (CommandState.ANSWERED, later(1), "***", {"response": {}})
    still = await ledger.ask(FindCommand(other))
    assert still is not None
    assert still.state is CommandState.WAITING


async def test_charge_points_are_searched_without_regard_to_case_or_wildcards(ledger: Ledger) -> None:
    for identity in ["A%1", "a_2", "Straße", "b/3"]:
        await ledger.ask(AdmitChargePoint(identity, NOON))
    boot = {
        "chargePointVendor": "VENDOR",
        "chargePointModel": "Modèle",
        "chargePointSerialNumber": "Sn\0-1",
        "chargeBoxSerialNumber": "Box-1",
        "firmwareVersion": "1.2_3",
        "iccid": "hidden",
    }
    await ledger.ask(RecordBoot("C", RegistrationStatus.ACCEPTED, boot, NOON))

    async def found(search: str, after: str = "", limit: int = 100) -> list[str]:
        records = await ledger.ask(ListChargePoints(after, limit, search))
        return [record.identity for record in records]

    assert await found("") == ["A%1", "a_2", "b/3", "C", "Straße"]
    assert await found("%") == ["A%1"]
    assert await found("_") == ["a_2", "C"]
    assert await found("_", after="A_2") == ["C"]
    assert await found("A", limit=1) == ["A%1"]
    assert await found("/") == ["b/3"]
    assert await found("STRASSE") == await found("raß") == ["Straße"]
    for part in ["vendor", "MODÈ", "sn\0-", "bOX", "1.2"]:
        assert await found(part) == ["C"], part
    assert await found("hidden") == []
    await ledger.ask(RecordBoot("C", RegistrationStatus.ACCEPTED, {"chargePointVendor": "Other"}, NOON))
    assert (await found("vendor"), await found("other")) == ([], ["C"])


async def test_charge_points_are_listed_by_registration(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("new", NOON))
    for registration in RegistrationStatus:
        await ledger.ask(RecordBoot(f"is {registration}", registration, BOOT, NOON))

    async def found(request: ListChargePoints) -> list[str]:
        return [record.identity for record in await ledger.ask(request)]

    for registration in RegistrationStatus:
        assert await found(ListChargePoints(registration=registration)) == [f"is {registration}"]
    rejected = RegistrationStatus.REJECTED
    assert await found(ListChargePoints(search="pending", registration=rejected)) == []


FINE = evolve(CONNECTOR, status="Available", error_code="NoError")
STATES = {
    "A": [FINE, evolve(FINE, connector_id=2, status="Charging")],
    "B": [evolve(FINE, error_code="WeakSignal"), evolve(FINE, connector_id=2, status="Faulted")],
    "C": [evolve(FINE, connector_id=0, status="Faulted"), FINE],
    "D": [evolve(FINE, connector_id=0), FINE],
    "E": [],
}


async def note_states(ledger: Ledger) -> None:
    for identity, connectors in STATES.items():
        await ledger.ask(AdmitChargePoint(identity, NOON))
        for connector in connectors:
            ledger.note(NoteConnector(identity, connector))
    await notes_written(ledger)


async def test_charge_points_are_listed_by_whether_they_report_a_fault(ledger: Ledger) -> None:
    await note_states(ledger)
    for identity, connector_id in [("Error", 1), ("Whole", 0)]:
        await ledger.ask(AdmitChargePoint(identity, NOON))
        error = evolve(FINE, connector_id=connector_id, error_code="OtherError")
        ledger.note(NoteConnector(identity, error))
    await notes_written(ledger)

    async def found(request: ListChargePoints) -> list[str]:
        return [record.identity for record in await ledger.ask(request)]

    assert await found(ListChargePoints(faulted=True)) == ["B", "C", "Error", "Whole"]
    assert await found(ListChargePoints(faulted=False)) == ["A", "D", "E"]
    assert await found(ListChargePoints(after="b", limit=2, faulted=True)) == ["C", "Error"]
    assert await found(ListChargePoints(search="E", faulted=False)) == ["E"]
    (faulted, *_) = await ledger.ask(ListChargePoints(faulted=True))
    assert faulted.connectors.keys() == {1, 2}

    for connector in STATES["B"]:
        ledger.note(NoteConnector("B", evolve(connector, status="Available", error_code="NoError")))
    await notes_written(ledger)
    assert await found(ListChargePoints(faulted=True)) == ["C", "Error", "Whole"]


async def test_all_is_counted(ledger: Ledger) -> None:
    assert await ledger.ask(CountAll()) == Totals(0, {}, {}, 0)
    await note_states(ledger)
    running = [(await ledger.ask(start(connector_id=number))).transaction_id for number in range(3)]
    await ledger.ask(stop(running[0]))
    await ledger.ask(start("CP-2"))
    counted = {"Available": 4, "Charging": 1, "Faulted": 1}
    assert await ledger.ask(CountAll()) == Totals(5, {"cp-1": 2, "cp-2": 1}, counted, 2)
