"""Faults between charge points and the central system: conditions, links that obey them, a proxy, a tap."""
