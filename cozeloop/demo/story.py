"""The demo's use: a support desk has a model name the team that should handle each ticket.

Version 0.0.1 of the prompt only asks. Version 0.0.2 lists the teams and says what the answer may be. The evaluator
compares letter for letter, so the rows show why the second version scores better, and where it still goes wrong.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Final

TEAMS: Final = ("billing", "shipping", "technical", "account", "returns")

VAGUE: Final = "You work at the help desk of an online shop. Which team should handle this ticket?"
"""System message of version 0.0.1."""

STRICT: Final = """\
You work at the help desk of an online shop. Decide which team should handle the ticket.

Labels:
- billing: payments, invoices, prices, subscriptions
- shipping: parcels on their way, delivery, addresses, customs
- technical: something in the app, website or API does not work
- account: signing in, passwords, users, personal data
- returns: items that come back, exchanges, refunds for them

Answer with exactly one label in lower case and nothing else."""
"""System message of version 0.0.2."""

TICKET: Final = "{{input}}"
"""User message of both versions: the row's field ``input``."""


def tickets() -> list[dict[str, str]]:
    """The rows of the evaluation set: ``input``, and the right team as ``reference_output``."""
    text = files("cozeloop.demo").joinpath("tickets.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def evaluator() -> str:
    """The code evaluator's source."""
    return files("cozeloop.demo").joinpath("evaluator.py").read_text(encoding="utf-8")
