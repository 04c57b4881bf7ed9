"""Reservations of connectors, and of any connector (OCPP 1.6 §3.11, §5.13), without I/O."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from attrs import define, field, frozen

from ocpp_actors.protocol.messages import ChargePointStatus, ReservationStatus, ReserveNow

_S = ChargePointStatus


@frozen
class Reservation:
    """One reservation; connector 0 means any."""

    reservation_id: int
    connector_id: int
    id_tag: str
    expires_at: datetime
    parent_id_tag: str | None = None

    def is_for(self, id_tag: str, parent_id_tag: str | None) -> bool:
        """Tell whether it is this idTag's, or its group's."""
        if self.id_tag.lower() == id_tag.lower():
            return True
        return (
            parent_id_tag is not None
            and self.parent_id_tag is not None
            and self.parent_id_tag.lower() == parent_id_tag.lower()
        )


@define
class Reservations:
    """All reservations of a charge point, by id."""

    _by_id: dict[int, Reservation] = field(init=False, factory=dict)

    def __iter__(self) -> Iterator[Reservation]:
        return iter(list(self._by_id.values()))

    def reserve(
        self, request: ReserveNow, statuses: Mapping[int, ChargePointStatus], now: datetime
    ) -> ReservationStatus:
        """Reserve, if it can be; one with the same id is replaced. ``statuses`` are those of the connectors above 0."""
        if request.connector_id and request.connector_id not in statuses:
            return ReservationStatus.REJECTED
        if request.expiry_date <= now:
            return ReservationStatus.REJECTED
        replaced = self._by_id.get(request.reservation_id)
        found = dict(statuses)
        if replaced is not None and replaced.connector_id and found[replaced.connector_id] is _S.RESERVED:
            found[replaced.connector_id] = _S.AVAILABLE
        refusal = self._refusal(request, found)
        if refusal is not None:
            return refusal
        self._by_id[request.reservation_id] = Reservation(
            request.reservation_id,
            request.connector_id,
            request.id_tag,
            request.expiry_date,
            request.parent_id_tag,
        )
        return ReservationStatus.ACCEPTED

    def _refusal(
        self, request: ReserveNow, statuses: Mapping[int, ChargePointStatus]
    ) -> ReservationStatus | None:
        if request.connector_id == 0:
            if self._spare(statuses, request.reservation_id) > 0:
                return None
            wanted = list(statuses.values())
        else:
            wanted = [statuses[request.connector_id]]
            if wanted == [_S.AVAILABLE] and self._spare(statuses, request.reservation_id) > 0:
                return None
        if all(status is _S.FAULTED for status in wanted):
            return ReservationStatus.FAULTED
        if all(status in {_S.UNAVAILABLE, _S.FAULTED} for status in wanted):
            return ReservationStatus.UNAVAILABLE
        return ReservationStatus.OCCUPIED

    def _spare(self, statuses: Mapping[int, ChargePointStatus], but: int = -1) -> int:
        """Return how many free connectors no reservation of any connector needs."""
        free = sum(status is _S.AVAILABLE for status in statuses.values())
        return free - sum(each.connector_id == 0 for each in self if each.reservation_id != but)

    def cancel(self, reservation_id: int) -> Reservation | None:
        """Remove a reservation and return it; None: there is none."""
        return self._by_id.pop(reservation_id, None)

    def expired(self, now: datetime) -> list[Reservation]:
        """Remove those whose time is over, and return them."""
        over = [each for each in self if each.expires_at <= now]
        for each in over:
            del self._by_id[each.reservation_id]
        return over

    def of_connector(self, connector_id: int) -> Reservation | None:
        """Return the reservation of just this connector."""
        return next((each for each in self if each.connector_id == connector_id), None)

    def used_by(self, id_tag: str, parent_id_tag: str | None, connector_id: int) -> Reservation | None:
        """Return the reservation that a transaction of this idTag on this connector uses up (§5.13)."""
        for wanted in (connector_id, 0):
            for each in self:
                if each.connector_id == wanted and each.is_for(id_tag, parent_id_tag):
                    return each
        return None

    def forbid(
        self,
        id_tag: str,
        parent_id_tag: str | None,
        connector_id: int,
        statuses: Mapping[int, ChargePointStatus],
    ) -> bool:
        """Tell whether they keep this idTag from this connector.

        A reservation of any connector keeps one free: the last spare ones are not for others.
        """
        if self.used_by(id_tag, parent_id_tag, connector_id) is not None:
            return False
        if self.of_connector(connector_id) is not None:
            return True
        others = {key: status for key, status in statuses.items() if key != connector_id}
        return any(each.connector_id == 0 for each in self) and self._spare(others) < 0
