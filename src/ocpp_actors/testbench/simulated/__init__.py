"""The simulated charge point: it lives by itself as OCPP 1.6 says, well-behaved or with the quirks of the field."""
