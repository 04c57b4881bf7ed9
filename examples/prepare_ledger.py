"""Tell the ledger who may connect and who may charge, for a server with ADMISSION and AUTHORIZATION known.

It may run beside the server; what it says of a charge point counts from that charge point's next connection.

    python examples/prepare_ledger.py sqlite:///ocpp-actors.db
"""

import secrets
import sys
from datetime import UTC, datetime

import trio

from ocpp_actors.central_system.credentials import hash_generated
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import (
    ChargePointSettings,
    IdTag,
    PutChargePoint,
    PutIdTag,
    SetKey,
)
from ocpp_actors.protocol.messages import AuthorizationStatus


async def main(database: str) -> None:
    async with open_ledger(database) as ledger:
        settings = ChargePointSettings(lenient=True, abort_on_shutdown=True)
        await ledger.ask(PutChargePoint("CP1", None, settings, datetime.now(UTC)))

        key = secrets.token_bytes(20)
        await ledger.ask(SetKey("CP1", hash_generated(key, secrets.token_bytes(16))))
        print(f"AuthorizationKey of CP1: {key.hex()}")

        await ledger.ask(PutIdTag(IdTag("TAG1", AuthorizationStatus.ACCEPTED, max_active_transactions=1)))
        await ledger.ask(PutIdTag(IdTag("STOLEN", AuthorizationStatus.BLOCKED)))


trio.run(main, sys.argv[1])
