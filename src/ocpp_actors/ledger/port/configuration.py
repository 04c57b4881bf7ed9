"""Configuration keys of charge points, as they were last seen (OCPP 1.6 §5.3, §5.8)."""

from datetime import datetime

from attrs import frozen

from ocpp_actors.ledger.port.base import Request


@frozen
class ConfigurationKey:
    """A configuration key. ``value`` is None where the charge point told none, and for a secret (AuthorizationKey)."""

    key: str
    value: str | None
    readonly: bool | None
    """None: not known, it was only set."""
    reboot_required: bool
    """The value was set and takes effect with the next boot (§7.20)."""
    seen_at: datetime


@frozen
class RecordConfiguration(Request[None]):
    """What a charge point told of its configuration, or accepted to change.

    Keys are compared without regard to case. ``unknown_keys`` are forgotten. ``complete``: it told all its keys, so
    that others are forgotten too. A key whose ``readonly`` is None keeps what was known of that. Of an unknown charge
    point nothing is kept.
    """

    identity: str
    keys: tuple[ConfigurationKey, ...]
    unknown_keys: tuple[str, ...] = ()
    complete: bool = False


@frozen
class ListConfiguration(Request["list[ConfigurationKey]"]):
    """The configuration keys of a charge point in casefolded order."""

    identity: str
