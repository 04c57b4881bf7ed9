from datetime import timedelta, timezone

import pytest
from attrs import evolve
from tests.ledger.facts import NOON, later

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointSettings,
    Connector,
    FindChargePoint,
    KeyHash,
    Ledger,
    ListChargePoints,
    NoteBoot,
    NoteConnector,
    NoteProgress,
    NoteSeen,
    RecordBoot,
    RequestFailed,
    SetChargePointSettings,
    SetKey,
    SetRegistration,
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
    await ledger.ask(SetKey("cp-1", KeyHash(b"\0salt", b"\xffdigest")))
    record = await ledger.ask(FindChargePoint("CP-1"))
    assert record is not None
    assert record.registration is RegistrationStatus.REJECTED
    assert record.settings == ChargePointSettings(abort_on_shutdown=True)
    assert record.key == KeyHash(b"\0salt", b"\xffdigest")
    await ledger.ask(SetKey("CP-1", None))
    assert await ledger.ask(FindChargePoint("CP-1")) == evolve(record, key=None)


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


async def notes_written(ledger: Ledger) -> None:
    """Write the notes now instead of within a second."""
    notes = getattr(ledger, "_notes", None)
    if notes is not None:
        await notes.flush()


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
