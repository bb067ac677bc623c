"""Imports over HTTP: a file becomes rows of a dataset (behaviour.md §5.5)."""
