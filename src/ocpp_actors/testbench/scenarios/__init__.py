"""The shipped scenarios, a module per subject."""
