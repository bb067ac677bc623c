"""Files that are to become rows: bytes to text, text to rows, rows to pages. No more than a page is in memory.

Everything here is synchronous and runs in a thread of its own; `blocks.pulled` brings a stream of the event loop there.
"""

from __future__ import annotations

from cozeloop.importing.pages import Page, pages
from cozeloop.importing.survey import Survey, survey

__all__ = ["Page", "Survey", "pages", "survey"]
