"""The operator's side: configuration, lists, profiles, reservations, who changed what, and what is searched."""

import json
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT: Final = sa.DateTime(timezone=True)
GIVEN_HERE: Final = sa.text("given_here")
MAY_CHANGE: Final = sa.text("state IN ('Requested', 'Accepted', 'Unknown')")

CHARGE_POINTS: Final = sa.table(
    "charge_points",
    sa.column("charge_point"),
    sa.column("identity"),
    sa.column("boot"),
    sa.column("search_text"),
)
ID_TAGS: Final = sa.table(
    "id_tags",
    sa.column("id_tag_key"),
    sa.column("id_tag"),
    sa.column("parent_id_tag"),
    sa.column("search_text"),
)
SEARCHED_OF_BOOT: Final = (
    "chargePointVendor",
    "chargePointModel",
    "chargePointSerialNumber",
    "chargeBoxSerialNumber",
    "firmwareVersion",
)


def upgrade() -> None:
    for table in ("charge_points", "id_tags"):
        op.add_column(table, sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"))
        op.add_column(table, sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    op.add_column("commands", sa.Column("durable", sa.Boolean(), nullable=False, server_default="1"))
    op.add_column("commands", sa.Column("idempotency_key", sa.Text()))
    op.create_index(
        "uq_commands_idempotency_key", "commands", ["charge_point", "idempotency_key"], unique=True
    )
    op.create_index("ix_signing_requests_charge_point", "signing_requests", ["charge_point", "id"])
    _fill_in_what_is_searched()
    op.create_table(
        "operator_writes",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_writes")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "configuration_keys",
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("key_folded", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("readonly", sa.Boolean()),
        sa.Column("reboot_required", sa.Boolean(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point"],
            ["charge_points.charge_point"],
            name=op.f("fk_configuration_keys_charge_point"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("charge_point", "key_folded", name=op.f("pk_configuration_keys")),
    )
    op.create_table(
        "local_lists",
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.JSON()),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_point"],
            ["charge_points.charge_point"],
            name=op.f("fk_local_lists_charge_point"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("charge_point", name=op.f("pk_local_lists")),
    )
    op.create_table(
        "named_profiles",
        sa.Column("name", KEY, nullable=False),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_named_profiles")),
    )
    op.create_table(
        "installed_profiles",
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("profile_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("stack_level", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger()),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("installed_at", MOMENT, nullable=False),
        sa.UniqueConstraint(
            "charge_point", "purpose", "connector_id", "stack_level", name=op.f("uq_installed_profiles")
        ),
        sa.ForeignKeyConstraint(
            ["charge_point"],
            ["charge_points.charge_point"],
            name=op.f("fk_installed_profiles_charge_point"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("charge_point", "profile_id", name=op.f("pk_installed_profiles")),
    )
    op.create_table(
        "reservations",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("given_here", sa.Boolean(), nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("id_tag", sa.Text(), nullable=False),
        sa.Column("parent_id_tag", sa.Text()),
        sa.Column("expiry_date", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("transaction_id", sa.BigInteger()),
        sa.CheckConstraint(
            "NOT given_here OR id BETWEEN 1 AND 2147483647", name=op.f("ck_reservations_id_range")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reservations")),
    )
    op.create_index("ix_reservations_charge_point", "reservations", ["charge_point", "id"])
    op.create_index(
        "ix_reservations_expiry_date",
        "reservations",
        ["expiry_date"],
        sqlite_where=MAY_CHANGE,
        postgresql_where=MAY_CHANGE,
    )
    op.create_index(
        "ix_reservations_given_here",
        "reservations",
        ["id"],
        sqlite_where=GIVEN_HERE,
        postgresql_where=GIVEN_HERE,
    )


def _fill_in_what_is_searched() -> None:
    connection = op.get_bind()
    for row in connection.execute(sa.select(CHARGE_POINTS)).all():
        boot = json.loads(row.boot) if isinstance(row.boot, str) else row.boot
        told = [(boot or {}).get(name) for name in SEARCHED_OF_BOOT]
        connection.execute(
            sa.update(CHARGE_POINTS)
            .where(CHARGE_POINTS.c.charge_point == row.charge_point)
            .values(search_text=_searched(row.identity, *told))
        )
    for row in connection.execute(sa.select(ID_TAGS)).all():
        connection.execute(
            sa.update(ID_TAGS)
            .where(ID_TAGS.c.id_tag_key == row.id_tag_key)
            .values(search_text=_searched(row.id_tag, row.parent_id_tag))
        )


def _searched(*parts: object) -> str:
    return "\n".join(part.replace("\0", "\u2400").casefold() for part in parts if isinstance(part, str))
