"""What no log can rebuild: data keys, people, sessions and tokens, in a database of their own."""
