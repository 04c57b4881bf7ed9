"""The first tables of the ledger."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT: Final = sa.DateTime(timezone=True)
UNFINISHED: Final = sa.text("stopped_at IS NULL")
HAS_REGISTER: Final = sa.text("energy_wh IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "charge_points",
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text()),
        sa.Column("lenient", sa.Boolean(), nullable=False),
        sa.Column("pings", sa.Boolean(), nullable=False),
        sa.Column("abort_on_shutdown", sa.Boolean(), nullable=False),
        sa.Column("key_salt", sa.LargeBinary()),
        sa.Column("key_digest", sa.LargeBinary()),
        sa.Column("boot", sa.JSON()),
        sa.Column("booted_at", MOMENT),
        sa.Column("first_seen_at", MOMENT),
        sa.Column("last_seen_at", MOMENT),
        sa.PrimaryKeyConstraint("charge_point", name=op.f("pk_charge_points")),
    )
    op.create_table(
        "commands",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text()),
        sa.Column("message_id", sa.Text()),
        sa.Column("sent_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("detail", sa.JSON()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commands")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_commands_charge_point", "commands", ["charge_point", "id"])
    op.create_index("ix_commands_state", "commands", ["state", "id"])
    op.create_table(
        "id_tags",
        sa.Column("id_tag_key", KEY, nullable=False),
        sa.Column("id_tag", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("expiry_date", MOMENT),
        sa.Column("parent_id_tag", sa.Text()),
        sa.Column("max_active_transactions", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id_tag_key", name=op.f("pk_id_tags")),
    )
    op.create_table(
        "security_events",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("timestamp", MOMENT, nullable=False),
        sa.Column("tech_info", sa.Text()),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_security_events_charge_point", "security_events", ["charge_point", "id"])
    op.create_table(
        "signing_requests",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("csr", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_requests")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "transactions",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("id_tag", sa.Text(), nullable=False),
        sa.Column("id_tag_key", KEY, nullable=False),
        sa.Column("meter_start", sa.BigInteger(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("start_received_at", MOMENT, nullable=False),
        sa.Column("start_repeats", sa.BigInteger(), nullable=False),
        sa.Column("reservation_id", sa.BigInteger()),
        sa.Column("meter_stop", sa.BigInteger()),
        sa.Column("stopped_at", MOMENT),
        sa.Column("stop_received_at", MOMENT),
        sa.Column("stop_reason", sa.Text()),
        sa.Column("stop_id_tag", sa.Text()),
        sa.CheckConstraint("id BETWEEN 1 AND 2147483647", name=op.f("ck_transactions_id_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_transactions_charge_point", "transactions", ["charge_point", "id"])
    op.create_index("ix_transactions_id_tag", "transactions", ["id_tag_key", "id"])
    op.create_index(
        "ix_transactions_unfinished_id_tag",
        "transactions",
        ["id_tag_key"],
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_index(
        "uq_transactions_unfinished_start",
        "transactions",
        ["charge_point", "connector_id", "id_tag_key", "started_at", "meter_start"],
        unique=True,
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_table(
        "connectors",
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("info", sa.Text()),
        sa.Column("vendor_id", sa.Text()),
        sa.Column("vendor_error_code", sa.Text()),
        sa.Column("timestamp", MOMENT),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point"],
            ["charge_points.charge_point"],
            name=op.f("fk_connectors_charge_point"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("charge_point", "connector_id", name=op.f("pk_connectors")),
    )
    op.create_table(
        "meter_values",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("connector_id", sa.BigInteger()),
        sa.Column("transaction_id", ID),
        sa.Column("sent_transaction_id", sa.BigInteger()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("meter_values", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("energy_wh", sa.Double()),
        sa.Column("energy_at", MOMENT),
        sa.Column("power_w", sa.Double()),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.UniqueConstraint(
            "charge_point", "content_hash", name=op.f("uq_meter_values_charge_point_content_hash")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_meter_values_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_values")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_meter_values_charge_point", "meter_values", ["charge_point", "id"])
    op.create_index(
        "ix_meter_values_register",
        "meter_values",
        ["transaction_id", "energy_at", "id"],
        sqlite_where=HAS_REGISTER,
        postgresql_where=HAS_REGISTER,
    )
    op.create_index("ix_meter_values_transaction", "meter_values", ["transaction_id", "id"])
    op.create_table(
        "progress",
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger()),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point"],
            ["charge_points.charge_point"],
            name=op.f("fk_progress_charge_point"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("charge_point", "kind", name=op.f("pk_progress")),
    )
    op.create_table(
        "stray_stops",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("sent_transaction_id", sa.BigInteger(), nullable=False),
        sa.Column("id_tag", sa.Text()),
        sa.Column("id_tag_key", KEY, nullable=False),
        sa.Column("meter_stop", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("transaction_id", ID),
        sa.UniqueConstraint(
            "charge_point",
            "sent_transaction_id",
            "stopped_at",
            "meter_stop",
            "id_tag_key",
            "reason",
            name=op.f("uq_stray_stops"),
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_stray_stops_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stray_stops")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_stray_stops_transaction", "stray_stops", ["transaction_id"])
