"""The ledger's store: many requests, one commit."""

from collections.abc import Callable, Sequence
from time import perf_counter

import structlog
from sqlalchemy import URL, Connection

from ocpp_actors.ledger.actor import Batch, Job
from ocpp_actors.ledger.database import Database, unavailable
from ocpp_actors.ledger.migrations import migrate
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed
from ocpp_actors.ledger.sql import carry_out, carry_out_all

log = structlog.get_logger(__name__)


class LedgerStore:
    """The ledger's database. ``timer`` counts seconds, for the measurements."""

    def __init__(self, url: URL, timer: Callable[[], float] = perf_counter) -> None:
        self._database = Database(url, synced=True)
        self._timer = timer

    def open(self) -> None:
        """Connect and migrate.

        Raises LedgerUnavailable: the database cannot be reached or written, or is of another version; the text says
        where and why.
        """
        self._database.open(migrate)

    def carry_out(self, jobs: Sequence[Job]) -> Batch:
        """Carry out all jobs and commit once.

        Where one fails, all are carried out again, each behind a savepoint, so that it fails alone. Where the database
        fails, all fail, nothing is confirmed, and the next batch connects anew.
        """
        begun = self._timer()
        commit_seconds = 0.0
        try:
            connection = self._database.connect()
            try:
                commit_seconds = self._commit(connection, jobs, _together)
            except Exception as error:
                if unavailable(error):
                    raise
                commit_seconds = self._commit(connection, jobs, _one_by_one)
        except Exception as error:
            reason = unavailable(error)
            if reason is None:
                log.exception("the ledger failed")
                reason = LedgerUnavailable("the database failed")
            self._database.disconnect()
            for job in jobs:
                job.error = LedgerUnavailable(str(reason))
        failed = sum(job.error is not None for job in jobs)
        return Batch(len(jobs), failed, self._timer() - begun, commit_seconds)

    def close(self) -> None:
        """Close the connection."""
        self._database.disconnect()

    def _commit(
        self, connection: Connection, jobs: Sequence[Job], run: Callable[[Connection, Sequence[Job]], None]
    ) -> float:
        with connection.begin() as transaction:
            run(connection, jobs)
            begun = self._timer()
            transaction.commit()
        return self._timer() - begun


def _together(connection: Connection, jobs: Sequence[Job]) -> None:
    answers = carry_out_all((job.request for job in jobs), connection)
    for job, answer in zip(jobs, answers, strict=True):
        job.answer = answer


def _one_by_one(connection: Connection, jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.answer = None
        try:
            with connection.begin_nested():
                job.answer = carry_out(job.request, connection)
        except RequestFailed as error:
            job.error = error
        except Exception as error:
            if unavailable(error):
                raise
            name = type(job.request).__name__
            log.exception("the ledger refused a request", request=name)
            job.error = RequestFailed(f"{name} cannot be stored: {type(error).__name__}")
