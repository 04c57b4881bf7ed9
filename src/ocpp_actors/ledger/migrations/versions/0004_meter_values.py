"""Meter values: fewer indexes, and in that of their repetition what is recorded at about one time lies together."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT: Final = sa.DateTime(timezone=True)
LINKED: Final = sa.text("transaction_id IS NOT NULL")
KEPT: Final = (
    "id, charge_point, identity, connector_id, transaction_id, sent_transaction_id, source, meter_values, "
    "content_hash, energy_wh, energy_at, power_w, received_at"
)


def upgrade() -> None:
    for index in ("charge_point", "register", "transaction"):
        op.drop_index(f"ix_meter_values_{index}", "meter_values")
    if op.get_bind().dialect.name == "sqlite":
        _build_anew()
    else:
        _alter()
    op.create_index(
        "ix_meter_values_transaction",
        "meter_values",
        ["transaction_id", "energy_at", "id"],
        sqlite_where=LINKED,
        postgresql_where=LINKED,
    )


def _build_anew() -> None:
    """Copy the table: SQLite takes no constraint away."""
    op.rename_table("meter_values", "meter_values_before")
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
        sa.Column("sampled_at", KEY, nullable=False),
        sa.UniqueConstraint("sampled_at", "charge_point", "content_hash", name=op.f("uq_meter_values")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["transactions.id"], name=op.f("fk_meter_values_transaction_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_values")),
        sqlite_autoincrement=True,
    )
    sampled_at = "coalesce(substr(json_extract(meter_values, '$[0].timestamp'), 1, 32), '')"
    op.execute(
        f"INSERT INTO meter_values ({KEPT}, sampled_at) "  # noqa: S608 — all of it is ours
        f"SELECT {KEPT}, {sampled_at} FROM meter_values_before ORDER BY id"
    )
    op.drop_table("meter_values_before")


def _alter() -> None:
    op.drop_constraint("uq_meter_values_charge_point_content_hash", "meter_values")
    op.add_column("meter_values", sa.Column("sampled_at", KEY))
    without_nul = "replace(meter_values::text, '\\u0000', '\\u2400')::json"
    op.execute(
        f"UPDATE meter_values SET sampled_at = "  # noqa: S608 — all of it is ours
        f"coalesce(left({without_nul} -> 0 ->> 'timestamp', 32), '')"
    )
    op.alter_column("meter_values", "sampled_at", nullable=False)
    op.create_unique_constraint(
        op.f("uq_meter_values"), "meter_values", ["sampled_at", "charge_point", "content_hash"]
    )
