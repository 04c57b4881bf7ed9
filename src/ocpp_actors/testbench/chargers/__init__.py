"""The chargers of a session: made of what the profile names, each on a link of its own, driven and measured."""
