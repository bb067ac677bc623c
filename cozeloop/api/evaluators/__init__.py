"""Evaluators over HTTP."""
