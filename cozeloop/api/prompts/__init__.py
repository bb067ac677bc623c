"""Prompts over HTTP."""
