"""Security: profiles, hashes of keys as text, the next key, certificates."""

import base64
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT: Final = sa.DateTime(timezone=True)

CHARGE_POINTS: Final = sa.table(
    "charge_points",
    sa.column("charge_point"),
    sa.column("key_salt", sa.LargeBinary()),
    sa.column("key_digest", sa.LargeBinary()),
    sa.column("key_hash"),
)


def upgrade() -> None:
    op.add_column(
        "charge_points", sa.Column("security_profile", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("charge_points", sa.Column("key_hash", sa.Text()))
    op.add_column("charge_points", sa.Column("next_key_hash", sa.Text()))
    _write_hashes_as_text()
    op.drop_column("charge_points", "key_salt")
    op.drop_column("charge_points", "key_digest")
    op.create_table(
        "certificates",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("charge_point", KEY, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("fingerprint", KEY, nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("not_after", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_certificates_fingerprint")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_certificates_charge_point", "certificates", ["charge_point", "id"])
    op.create_index("ix_certificates_not_after", "certificates", ["not_after"])


def _write_hashes_as_text() -> None:
    connection = op.get_bind()
    with_key = sa.select(CHARGE_POINTS).where(CHARGE_POINTS.c.key_digest.is_not(None))
    for row in connection.execute(with_key).all():
        connection.execute(
            sa.update(CHARGE_POINTS)
            .where(CHARGE_POINTS.c.charge_point == row.charge_point)
            .values(key_hash=f"$sha256${_text(row.key_salt)}${_text(row.key_digest)}")
        )


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")
