"""The configured models over HTTP; they are read, never written (behaviour.md §4.2)."""
