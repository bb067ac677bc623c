"""Files over HTTP: signed addresses to upload to and download from, and uploads by form (behaviour.md §2.4)."""
