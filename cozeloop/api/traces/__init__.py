"""Traces: what SDKs report, and what the console shows of it."""
