"""Evaluation sets over HTTP: datasets in the contract's shape (behaviour.md §5 and §6.1)."""
