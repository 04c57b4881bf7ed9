"""The HTTP API of the operator's side, and the dashboard's files."""
