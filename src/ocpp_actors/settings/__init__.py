"""The settings of the server: their names, defaults, limits and words, and how they are read.

A setting has one name in three places: ``OCPP_ACTORS_HEARTBEAT_INTERVAL`` in the environment,
``heartbeat_interval`` in a TOML file and ``--heartbeat-interval`` on the command line. The command line goes
before the environment, the environment before the file, the file before the defaults.
"""

from ocpp_actors.settings.declared import (
    PREFIX,
    SETTINGS,
    Setting,
    Settings,
    SettingsError,
    is_loopback,
    without_password,
)
from ocpp_actors.settings.loading import load_settings

__all__ = [
    "PREFIX",
    "SETTINGS",
    "Setting",
    "Settings",
    "SettingsError",
    "is_loopback",
    "load_settings",
    "without_password",
]
