"""Process managers: pure decisions over events, and the runtime that performs their effects."""
