"""NATS: the server as a child process, its streams, the feed of events, the work queue, drafts, node numbers."""
