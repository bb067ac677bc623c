"""Tags over HTTP (behaviour.md §5.6)."""
