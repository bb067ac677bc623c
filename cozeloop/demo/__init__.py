"""What `make demo` shows: a support desk whose tickets a prompt sends to the right team."""
