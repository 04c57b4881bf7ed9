"""The operator's commands: what a running server knows and does, through its HTTP API."""
