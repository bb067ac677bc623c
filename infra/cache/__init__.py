"""What a process remembers for speed or counts for fairness; losing it costs nothing but time."""
