"""What a worker does with a task, one module per capability."""
