"""Connections to a NATS server: opened in time, read quickly, and ended for good."""
