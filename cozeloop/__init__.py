"""What people run and import: API, CLI, workers, SDK."""
