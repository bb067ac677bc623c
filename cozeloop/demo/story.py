"""The demo's use: a support desk has a model name the team that should handle each ticket.

Version 0.0.1 of the prompt only asks. Version 0.0.2 lists the teams and says what the answer may be. One evaluator
compares letter for letter; the other is a judge, a model that is asked whether the ticket would reach the right team.
So the rows show why the second version scores better, and where it still goes wrong.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

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

JUDGE: Final = """\
You check how tickets of an online shop were triaged. Would the answer bring the ticket to the expected team?

Score 1: it names that team, in whatever words around it.
Score 0.5: it names no team of the list, but the expected one can be guessed.
Score 0: it names another team.

Teams: billing, shipping, technical, account, returns."""
"""System message of the judge."""

JUDGED: Final = "Ticket: {{input}}\n\nExpected team: {{reference_output}}\n\nAnswer: {{actual_output}}"
"""User message of the judge: two columns of the row, and what the prompt answered."""


def judge(model_id: str) -> dict[str, Any]:
    """The prompt evaluator's content."""
    messages = [
        {"role": role, "content": {"content_type": "Text", "text": text}} for role, text in ((1, JUDGE), (2, JUDGED))
    ]
    schemas = [
        {"key": key, "support_content_types": ["Text"], "json_schema": '{"type":"string"}'}
        for key in ("input", "reference_output", "actual_output")
    ]
    config = {"model_id": model_id, "temperature": 0.0}
    return {"input_schemas": schemas, "prompt_evaluator": {"message_list": messages, "model_config": config}}


def tickets() -> list[dict[str, str]]:
    """The rows of the evaluation set: ``input``, and the right team as ``reference_output``."""
    text = files("cozeloop.demo").joinpath("tickets.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def evaluator() -> str:
    """The code evaluator's source."""
    return files("cozeloop.demo").joinpath("evaluator.py").read_text(encoding="utf-8")
