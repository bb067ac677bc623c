"""``python -m cozeloop``."""

from cozeloop.cli import main

main()
