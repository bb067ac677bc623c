"""Technology without business words."""
