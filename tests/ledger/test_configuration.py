from datetime import datetime

from tests.ledger.facts import NOON, later

from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ConfigurationKey,
    Ledger,
    ListConfiguration,
    RecordConfiguration,
)


def key(
    name: str,
    value: str | None = "1",
    *,
    readonly: bool | None = False,
    reboot_required: bool = False,
    seen_at: datetime = NOON,
) -> ConfigurationKey:
    return ConfigurationKey(name, value, readonly, reboot_required, seen_at)


async def test_keys_come_back_in_casefolded_order(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    keys = [key("b_1", None, readonly=True), key("B-2", "x" * 500, reboot_required=True), key("a", "")]
    await ledger.ask(RecordConfiguration("cp-1", tuple(keys)))
    assert await ledger.ask(ListConfiguration("CP-1")) == [keys[2], keys[1], keys[0]]
    assert await ledger.ask(ListConfiguration("CP-2")) == []


async def test_a_key_seen_again_replaces_what_was_known_without_regard_to_case(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(RecordConfiguration("CP-1", (key("HeartbeatInterval", "300", reboot_required=True),)))
    again = key("heartbeatinterval", None, readonly=True, seen_at=later(1))
    await ledger.ask(RecordConfiguration("CP-1", (again,)))
    assert await ledger.ask(ListConfiguration("CP-1")) == [again]


async def test_a_key_that_was_only_set_keeps_whether_it_is_readonly(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    for known in (None, False, True, False):
        await ledger.ask(RecordConfiguration("CP-1", (key("K", "old", readonly=known),)))
        await ledger.ask(RecordConfiguration("CP-1", (key("K", "new", readonly=None),)))
        assert await ledger.ask(ListConfiguration("CP-1")) == [key("K", "new", readonly=known)]


async def test_keys_that_the_charge_point_does_not_know_are_forgotten(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(RecordConfiguration("CP-1", (key("A"), key("B"), key("C"))))
    await ledger.ask(RecordConfiguration("CP-1", (key("A", "2"),), unknown_keys=("b", "never seen")))
    assert await ledger.ask(ListConfiguration("CP-1")) == [key("A", "2"), key("C")]


async def test_after_all_keys_were_told_the_others_are_forgotten(ledger: Ledger) -> None:
    for identity in ("CP-1", "CP-2"):
        await ledger.ask(AdmitChargePoint(identity, NOON))
        await ledger.ask(RecordConfiguration(identity, (key("A"), key("B"), key("C"))))
    await ledger.ask(RecordConfiguration("CP-1", (key("a", readonly=None), key("D")), complete=True))
    assert await ledger.ask(ListConfiguration("CP-1")) == [key("a"), key("D")]
    assert len(await ledger.ask(ListConfiguration("CP-2"))) == 3
    await ledger.ask(RecordConfiguration("CP-1", (), complete=True))
    assert await ledger.ask(ListConfiguration("CP-1")) == []


async def test_more_keys_are_kept_than_a_database_has_parameters(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    many = tuple(key(f"{number:05}") for number in range(40_000))
    await ledger.ask(RecordConfiguration("CP-1", many, complete=True))
    assert len(await ledger.ask(ListConfiguration("CP-1"))) == 40_000
    await ledger.ask(RecordConfiguration("CP-1", many[:1], complete=True))
    assert await ledger.ask(ListConfiguration("CP-1")) == [many[0]]


async def test_of_an_unknown_charge_point_no_configuration_is_kept(ledger: Ledger) -> None:
    await ledger.ask(RecordConfiguration("CP-1", (key("A"),), unknown_keys=("B",), complete=True))
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    assert await ledger.ask(ListConfiguration("CP-1")) == []


async def test_nul_in_a_value_is_replaced(ledger: Ledger) -> None:
    await ledger.ask(AdmitChargePoint("CP-1", NOON))
    await ledger.ask(RecordConfiguration("CP-1", (key("K\0", "a\0b"), key("L"))))
    await ledger.ask(RecordConfiguration("CP-1", (), unknown_keys=("L\0",)))
    assert await ledger.ask(ListConfiguration("CP-1")) == [key("K␀", "a␀b"), key("L")]
