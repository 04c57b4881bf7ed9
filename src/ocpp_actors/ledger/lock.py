"""One server for a ledger: a lock on a file beside a SQLite database."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocpp_actors.ledger.bridge import MEMORY
from ocpp_actors.ledger.database import explain, parse_url
from ocpp_actors.ledger.port import LedgerUnavailable


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Keep other servers from this ledger, until the end of the block or of the process, whatever ends it.

    Only a ledger on SQLite is locked, and only against whoever locks it too: open_ledger() does not.

    The lock is no lock on the database itself: closing that file would take away those that SQLite has on it.

    Raises LedgerUrlError: the URL is none of a database that is supported.
    Raises LedgerUnavailable: another server has locked it, or it cannot be locked; the text says where and why.
    """
    parsed = None if url == MEMORY else parse_url(url)
    if parsed is None or parsed.get_backend_name() != "sqlite":
        yield
        return
    database = Path(str(parsed.database).removeprefix("file:")).resolve()
    try:
        file = database.with_name(f"{database.name}-lock").open("a")
    except OSError as error:
        reason = LedgerUnavailable(f"the file beside it that locks it cannot be opened: {error.strerror}")
        raise explain(parsed, error, reason) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerUnavailable(
                f"{database}: another server uses this ledger: end that one first (Ctrl-C), "
                "or give this one another DATABASE"
            ) from None
        except OSError as error:
            raise LedgerUnavailable(f"{database}: it cannot be locked: {error.strerror}") from None
        yield
