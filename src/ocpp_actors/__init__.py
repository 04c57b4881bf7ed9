"""An OCPP 1.6J central system on structured concurrency."""

__version__ = "0.1.0"
