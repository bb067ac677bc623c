"""Events for readers outside: a stream that goes on, or one question after the other."""
