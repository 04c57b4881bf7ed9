"""``python -m ocpp_actors`` is ``ocpp-actors``."""

import sys

from ocpp_actors.cli import main

if __name__ == "__main__":
    sys.exit(main())
