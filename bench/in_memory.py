"""This server with a ledger in memory, which no setting offers: it confirms what it would lose.

Takes its settings from the environment, as ``ocpp-actors serve`` does; DATABASE is replaced.
"""

import os
import sys

from ocpp_actors import app, logs
from ocpp_actors.ledger.bridge import MEMORY
from ocpp_actors.settings import load_settings

if __name__ == "__main__":
    settings = load_settings({}, os.environ)
    object.__setattr__(settings, "database", MEMORY)  # past the check, which wants a database
    logs.configure(settings.log_format, settings.log_level, sys.stderr)
    sys.exit(app.run(settings))
