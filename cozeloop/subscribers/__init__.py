"""Effects outside that follow an event: plain functions, driven by FastStream. Never part of a replay."""
