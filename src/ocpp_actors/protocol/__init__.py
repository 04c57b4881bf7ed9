"""OCPP-J 1.6 as a language: frames, messages, schemas, validation, conversation. No I/O, no clock."""
