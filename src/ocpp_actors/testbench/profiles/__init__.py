"""Profiles: which chargers, which faults, which scenarios, how long, and what counts as good enough."""
