"""What chargers know of their transactions, and whether the central system's books agree."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from attrs import define, field, frozen

from ocpp_actors.protocol.frames import CallResult
from ocpp_actors.testbench.wire import Exchange

MAX_TRANSACTIONS: Final = 200_000
"""Transactions that are remembered in a session; later ones are not checked, and the report says so."""

EXAMPLES: Final = 20

_KEY: Final = ("connectorId", "idTag", "timestamp", "meterStart")
_RECORDED_KEY: Final = ("chargePoint", "connectorId", "idTag", "startedAt", "meterStart")


@frozen
class Start:
    """The natural key of a start: the same again is a repetition of it."""

    identity: str
    connector_id: int
    id_tag: str
    timestamp: str
    meter_start: int


@define
class Known:
    """What a charger knows of one transaction: the id it got, and the meter at a stop that was confirmed."""

    transaction_id: int
    meter_stop: int | None = None


@frozen
class Audit:
    """What came of the comparison. ``lost`` and ``doubled`` say of each, up to a number, what is wrong."""

    compared: int
    lost_count: int
    doubled_count: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    unchecked: int


@define
class Books:
    """What chargers were confirmed, as it passed on their wires."""

    unchecked: int = 0
    _known: list[tuple[Start, Known]] = field(factory=list)
    _newest: dict[Start, Known] = field(factory=dict)
    _by_id: dict[tuple[str, int], Known] = field(factory=dict)
    _doubled: list[str] = field(factory=list)

    @property
    def started(self) -> int:
        """How many transactions were confirmed."""
        return len(self._known)

    @property
    def stopped(self) -> int:
        """How many of them have a confirmed stop."""
        return sum(known.meter_stop is not None for _, known in self._known)

    def note(self, identity: str, exchange: Exchange) -> None:
        """Note an exchange that a charger began."""
        if isinstance(exchange.reply, CallResult):
            if exchange.action == "StartTransaction":
                self._started(identity, _object(exchange.payload), _object(exchange.reply.payload))
            elif exchange.action == "StopTransaction":
                self._stopped(identity, _object(exchange.payload))

    def _started(self, identity: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        transaction_id = answer.get("transactionId")
        if not isinstance(transaction_id, int) or not all(name in asked for name in _KEY):
            return
        start = Start(identity, *(asked[name] for name in _KEY))
        before = self._newest.get(start)
        if before is not None and before.transaction_id == transaction_id:
            return
        if before is not None and before.meter_stop is None:
            self._doubled.append(f"{identity}: {before.transaction_id} and {transaction_id} are of one start")
        if len(self._known) >= MAX_TRANSACTIONS:
            self.unchecked += 1
            return
        known = self._newest[start] = self._by_id[identity, transaction_id] = Known(transaction_id)
        self._known.append((start, known))

    def _stopped(self, identity: str, asked: Mapping[str, Any]) -> None:
        known = self._by_id.get((identity, asked.get("transactionId", 0)))
        if known is not None and known.meter_stop is None:
            known.meter_stop = asked.get("meterStop")

    @property
    def owners(self) -> set[str]:
        """The identities that have transactions, case-folded."""
        return {start.identity.casefold() for start, _ in self._known}

    def compare(self, recorded: Iterable[Mapping[str, Any]], *, whole: bool = True) -> Audit:
        """Compare with the transactions of the central system, as its API tells them.

        Lost: it does not have one that it confirmed, or not the stop that it confirmed. Doubled: it has one start
        twice, gave one start two ids, or two starts one id. Where ``recorded`` is not the whole of it, what is not
        there is unchecked.
        """
        ours, not_read = self.owners, 0
        theirs = [each for each in recorded if each["chargePoint"].casefold() in ours]
        by_id = {each["id"]: each for each in theirs}
        lost, doubled = list[str](), [*self._doubled, *self._doubled_in(theirs)]
        owners: dict[int, Start] = {}
        for start, known in self._known:
            name = f"{start.identity}: transaction {known.transaction_id}"
            if owners.setdefault(known.transaction_id, start) is not start:
                doubled.append(f"{name} was given to two starts")
            found = by_id.get(known.transaction_id)
            if found is None and not whole:
                not_read += 1
            elif found is None or found["chargePoint"].casefold() != start.identity.casefold():
                lost.append(f"{name} was confirmed, and is not there")
            elif known.meter_stop is not None and found["meterStop"] != known.meter_stop:
                lost.append(
                    f"{name} was stopped at {known.meter_stop} Wh, and is there with {found['meterStop']}"
                )
        return Audit(
            compared=len(self._known) - not_read,
            lost_count=len(lost),
            doubled_count=len(doubled),
            lost=tuple(lost[:EXAMPLES]),
            doubled=tuple(doubled[:EXAMPLES]),
            unchecked=self.unchecked + not_read,
        )

    def _doubled_in(self, recorded: Collection[Mapping[str, Any]]) -> Iterator[str]:
        """Find starts that are recorded more often than they were confirmed to be different."""
        confirmed = {known.transaction_id for _, known in self._known}
        groups = defaultdict[tuple[str, ...], list[int]](list)
        for each in recorded:
            groups[tuple(str(each[name]) for name in _RECORDED_KEY)].append(each["id"])
        for ids in groups.values():
            if len(ids) > max(1, len(confirmed.intersection(ids))):
                owner = next(each["chargePoint"] for each in recorded if each["id"] == ids[0])
                yield f"{owner}: {' and '.join(map(str, sorted(ids)))} are the same start"


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
