"""Requests and notes carried out on a SQLAlchemy connection, a module per concern."""

from ocpp_actors.ledger.sql import charge_points, commands, id_tags, metering, security, transactions
from ocpp_actors.ledger.sql.dispatch import carry_out

__all__ = ["carry_out", "charge_points", "commands", "id_tags", "metering", "security", "transactions"]
