"""Backups: what lies in one, how it is made of a running platform, and how it becomes a data directory again."""
