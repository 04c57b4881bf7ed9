"""Notes that are written together: one statement for all of a kind that are frequent."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog
from sqlalchemy import Connection

from ocpp_actors.ledger.database import unavailable
from ocpp_actors.ledger.port import Note, NoteBoot, NoteConnector, Notes, NoteSeen
from ocpp_actors.ledger.sql.charge_points import write_boots, write_connectors, write_seen
from ocpp_actors.ledger.sql.dispatch import carry_out

log = structlog.get_logger(__name__)

_TOGETHER: Final[dict[type[Note], Callable[[Any, Connection], None]]] = {
    NoteSeen: write_seen,
    NoteBoot: write_boots,
    NoteConnector: write_connectors,
}


@carry_out.register
def _notes(request: Notes, connection: Connection) -> None:
    """Write all; where one fails, all are written again, each by itself, so that it fails alone."""
    try:
        with connection.begin_nested():
            _write(request.notes, connection)
    except Exception as error:
        if unavailable(error):
            raise
        for note in request.notes:
            _write_alone(note, connection)


def _write(notes: Iterable[Note], connection: Connection) -> None:
    kinds: dict[type[Note], list[Note]] = {}
    for note in notes:
        kinds.setdefault(type(note), []).append(note)
    for kind, of_the_kind in kinds.items():
        if kind in _TOGETHER:
            _TOGETHER[kind](of_the_kind, connection)
        else:
            for note in of_the_kind:
                carry_out(note, connection)


def _write_alone(note: Note, connection: Connection) -> None:
    try:
        with connection.begin_nested():
            carry_out(note, connection)
    except Exception as error:
        if unavailable(error):
            raise
        log.exception("the ledger refused a note", note=type(note).__name__)
