"""Golden events: one file per event and version, as its opened payload was when the version was released.

``python -m tests.golden`` writes the files of new events and versions and their digests; it never changes an old one.
"""
