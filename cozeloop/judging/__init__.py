"""Prompt evaluators: from content and inputs to a judge's prompt, from its answer to a score (behaviour.md §6.2)."""
