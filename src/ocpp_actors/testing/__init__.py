"""A pytest plugin for tests of charge points, of central systems, and of what is built on this library.

It needs pytest and pytest-trio (``pip install 'ocpp-actors[testing]'``); a ``conftest.py`` loads it with
``pytest_plugins = ["ocpp_actors.testing"]``.
"""

from ocpp_actors.testing.fixtures import (
    central_system,
    central_system_settings,
    charge_points,
    network,
    server_process,
    server_process_settings,
)
from ocpp_actors.testing.in_process import InProcess, open_in_process

__all__ = [
    "InProcess",
    "central_system",
    "central_system_settings",
    "charge_points",
    "network",
    "open_in_process",
    "server_process",
    "server_process_settings",
]
