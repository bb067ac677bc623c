"""The event log on JetStream behind the eventsourcing library."""
