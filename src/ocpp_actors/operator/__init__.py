"""The operator's side: commands, HTTP API, events, dashboard, metrics."""
