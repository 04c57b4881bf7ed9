"""The tables of the ledger; their unique constraints are what makes a repetition harmless.

Columns called ``charge_point`` and ``id_tag_key`` hold the casefolded identity and idTag: both are compared without
regard to case, and in the order of code points on every database. ``search_text`` is what is searched, see
``searching``.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    literal_column,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime that comes back in UTC, with its microseconds; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Write UTC."""
        return None if value is None else _in_utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Write SQLite's text at once: it is what is written most often."""
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a naive datetime cannot be stored")
    return value.astimezone(UTC)


def _as_text(value: datetime | None) -> str | None:
    """Write UTC as SQLAlchemy reads it from SQLite: without a zone."""
    return (
        None
        if value is None
        else _in_utc(value).isoformat(" ", "microseconds")[: len("YYYY-MM-DD hh:mm:ss.ffffff")]
    )


Id = BigInteger().with_variant(Integer, "sqlite")
Key = Text().with_variant(Text(collation="C"), "postgresql")
Document = JSON(none_as_null=True)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

charge_points = Table(
    "charge_points",
    metadata,
    Column("charge_point", Key, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("registration", Text),
    Column("lenient", Boolean, nullable=False),
    Column("pings", Boolean, nullable=False),
    Column("abort_on_shutdown", Boolean, nullable=False),
    Column("boot", Document),
    Column("booted_at", UtcDateTime),
    Column("first_seen_at", UtcDateTime),
    Column("last_seen_at", UtcDateTime),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("search_text", Text, nullable=False, server_default=""),
    Column("security_profile", BigInteger, nullable=False, server_default="0"),
    Column("key_hash", Text),
    Column("next_key_hash", Text),
)

connectors = Table(
    "connectors",
    metadata,
    Column(
        "charge_point",
        Key,
        ForeignKey("charge_points.charge_point", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("connector_id", BigInteger, primary_key=True),
    Column("status", Text, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("info", Text),
    Column("vendor_id", Text),
    Column("vendor_error_code", Text),
    Column("timestamp", UtcDateTime),
    Column("received_at", UtcDateTime, nullable=False),
)

progress = Table(
    "progress",
    metadata,
    Column(
        "charge_point",
        Key,
        ForeignKey("charge_points.charge_point", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("kind", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("request_id", BigInteger),
    Column("at", UtcDateTime, nullable=False),
)

id_tags = Table(
    "id_tags",
    metadata,
    Column("id_tag_key", Key, primary_key=True),
    Column("id_tag", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("expiry_date", UtcDateTime),
    Column("parent_id_tag", Text),
    Column("max_active_transactions", BigInteger),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("search_text", Text, nullable=False, server_default=""),
)

transactions = Table(
    "transactions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("connector_id", BigInteger, nullable=False),
    Column("id_tag", Text, nullable=False),
    Column("id_tag_key", Key, nullable=False),
    Column("meter_start", BigInteger, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("start_received_at", UtcDateTime, nullable=False),
    Column("start_repeats", BigInteger, nullable=False),
    Column("reservation_id", BigInteger),
    Column("meter_stop", BigInteger),
    Column("stopped_at", UtcDateTime),
    Column("stop_received_at", UtcDateTime),
    Column("stop_reason", Text),
    Column("stop_id_tag", Text),
    CheckConstraint("id BETWEEN 1 AND 2147483647", name="id_range"),
    sqlite_autoincrement=True,
)

unfinished = transactions.c.stopped_at.is_(None)

unfinished_start = Index(
    "uq_transactions_unfinished_start",
    transactions.c.charge_point,
    transactions.c.connector_id,
    transactions.c.id_tag_key,
    transactions.c.started_at,
    transactions.c.meter_start,
    unique=True,
    sqlite_where=unfinished,
    postgresql_where=unfinished,
)
Index(
    "ix_transactions_unfinished_id_tag",
    transactions.c.id_tag_key,
    sqlite_where=unfinished,
    postgresql_where=unfinished,
)
Index("ix_transactions_charge_point", transactions.c.charge_point, transactions.c.id)
Index("ix_transactions_id_tag", transactions.c.id_tag_key, transactions.c.id)

stray_stops = Table(
    "stray_stops",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("sent_transaction_id", BigInteger, nullable=False),
    Column("id_tag", Text),
    Column("id_tag_key", Key, nullable=False),
    Column("meter_stop", BigInteger, nullable=False),
    Column("stopped_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("transaction_id", Id, ForeignKey("transactions.id")),
    UniqueConstraint(
        "charge_point",
        "sent_transaction_id",
        "stopped_at",
        "meter_stop",
        "id_tag_key",
        "reason",
        name="uq_stray_stops",
    ),
    sqlite_autoincrement=True,
)
Index("ix_stray_stops_transaction", stray_stops.c.transaction_id)

meter_values = Table(
    "meter_values",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("connector_id", BigInteger),
    Column("transaction_id", Id, ForeignKey("transactions.id")),
    Column("sent_transaction_id", BigInteger),
    Column("source", Text, nullable=False),
    Column("meter_values", Document, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("energy_wh", Double),
    Column("energy_at", UtcDateTime),
    Column("power_w", Double),
    Column("received_at", UtcDateTime, nullable=False),
    Column("sampled_at", Key, nullable=False),
    UniqueConstraint("sampled_at", "charge_point", "content_hash", name="uq_meter_values"),
    sqlite_autoincrement=True,
)
"""``sampled_at`` is the timestamp of the first of the values, as it was sent. It leads the unique constraint so that
what is recorded at about one time lies together in it, on few pages, whoever sent it."""
_linked = meter_values.c.transaction_id.is_not(None)
Index(
    "ix_meter_values_transaction",
    meter_values.c.transaction_id,
    meter_values.c.energy_at,
    meter_values.c.id,
    sqlite_where=_linked,
    postgresql_where=_linked,
)

security_events = Table(
    "security_events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("tech_info", Text),
    Column("origin", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_security_events_charge_point", security_events.c.charge_point, security_events.c.id)

signing_requests = Table(
    "signing_requests",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("csr", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_signing_requests_charge_point", signing_requests.c.charge_point, signing_requests.c.id)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("fingerprint", Key, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("chain", Text, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("fingerprint", name="uq_certificates_fingerprint"),
    sqlite_autoincrement=True,
)
Index("ix_certificates_charge_point", certificates.c.charge_point, certificates.c.id)
Index("ix_certificates_not_after", certificates.c.not_after)

commands = Table(
    "commands",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("payload", Document, nullable=False),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text),
    Column("message_id", Text),
    Column("sent_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("detail", Document),
    Column("durable", Boolean, nullable=False, server_default="1"),
    Column("idempotency_key", Text),
    sqlite_autoincrement=True,
)
Index("uq_commands_idempotency_key", commands.c.charge_point, commands.c.idempotency_key, unique=True)
Index("ix_commands_charge_point", commands.c.charge_point, commands.c.id)
Index("ix_commands_state", commands.c.state, commands.c.id)

operator_writes = Table(
    "operator_writes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("operator", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Document, nullable=False),
    sqlite_autoincrement=True,
)

configuration_keys = Table(
    "configuration_keys",
    metadata,
    Column(
        "charge_point",
        Key,
        ForeignKey("charge_points.charge_point", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("key_folded", Key, primary_key=True),
    Column("key", Text, nullable=False),
    Column("value", Text),
    Column("readonly", Boolean),
    Column("reboot_required", Boolean, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

local_lists = Table(
    "local_lists",
    metadata,
    Column(
        "charge_point",
        Key,
        ForeignKey("charge_points.charge_point", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("identity", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("entries", Document),
    Column("changed_at", UtcDateTime, nullable=False),
)

named_profiles = Table(
    "named_profiles",
    metadata,
    Column("name", Key, primary_key=True),
    Column("profile", Document, nullable=False),
    Column("version", BigInteger, nullable=False),
)

installed_profiles = Table(
    "installed_profiles",
    metadata,
    Column(
        "charge_point",
        Key,
        ForeignKey("charge_points.charge_point", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("profile_id", BigInteger, primary_key=True, autoincrement=False),
    Column("identity", Text, nullable=False),
    Column("connector_id", BigInteger, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("stack_level", BigInteger, nullable=False),
    Column("transaction_id", BigInteger),
    Column("profile", Document, nullable=False),
    Column("installed_at", UtcDateTime, nullable=False),
    UniqueConstraint("charge_point", "purpose", "connector_id", "stack_level", name="uq_installed_profiles"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("given_here", Boolean, nullable=False),
    Column("charge_point", Key, nullable=False),
    Column("identity", Text, nullable=False),
    Column("connector_id", BigInteger, nullable=False),
    Column("id_tag", Text, nullable=False),
    Column("parent_id_tag", Text),
    Column("expiry_date", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("transaction_id", BigInteger),
    CheckConstraint("NOT given_here OR id BETWEEN 1 AND 2147483647", name="id_range"),
)
"""``given_here``: the ledger chose the id. It counts on from the last such one, whatever ids others chose."""


def _in_state(*states: str) -> ColumnElement[bool]:
    """Compare with literals, not parameters, so that a query is seen to be one for an index."""
    return reservations.c.state.in_([literal_column(f"'{state}'") for state in states])


active = _in_state("Requested", "Accepted")
may_change = _in_state("Requested", "Accepted", "Unknown")

Index("ix_reservations_charge_point", reservations.c.charge_point, reservations.c.id)
Index(
    "ix_reservations_given_here",
    reservations.c.id,
    sqlite_where=reservations.c.given_here,
    postgresql_where=reservations.c.given_here,
)
Index(
    "ix_reservations_expiry_date",
    reservations.c.expiry_date,
    sqlite_where=may_change,
    postgresql_where=may_change,
)
