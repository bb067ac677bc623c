"""The one spelling of an e-mail."""

from __future__ import annotations


def normalised(email: str) -> str:
    """Nobody has a second account by writing an e-mail in capitals."""
    return email.strip().lower()
