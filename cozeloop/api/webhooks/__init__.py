"""Webhooks over HTTP: ours alone, under /v1/platform."""
